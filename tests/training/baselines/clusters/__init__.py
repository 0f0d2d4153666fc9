"""Tests of ``training/baselines/clusters``."""
