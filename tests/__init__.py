"""Tests, in the rooms they are of; worlds to test in have a room of their own."""
