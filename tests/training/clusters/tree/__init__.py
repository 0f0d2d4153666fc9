"""Tests of ``training/clusters/tree``."""
