"""Tests of ``training/planner``."""
