"""Tests of ``benchmarks/clusters``."""
