"""Tests of ``training/baselines/items``."""
