"""Tests of ``training/clusters/representation``."""
