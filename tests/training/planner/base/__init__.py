"""Tests of ``training/planner/base``."""
