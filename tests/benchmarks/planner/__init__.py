"""Tests of ``benchmarks/planner``."""
