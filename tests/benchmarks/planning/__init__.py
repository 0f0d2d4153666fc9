"""Tests of ``benchmarks/planning``."""
