"""Tests of ``training/clusters/lineage``."""
