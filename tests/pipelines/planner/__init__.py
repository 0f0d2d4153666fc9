"""Tests of ``pipelines/planner``."""
