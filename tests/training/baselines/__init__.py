"""Tests of ``training/baselines``."""
