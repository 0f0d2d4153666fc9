"""Tests of ``training/planner/tuning``."""
