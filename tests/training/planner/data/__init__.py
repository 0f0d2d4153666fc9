"""Tests of ``training/planner/data``."""
