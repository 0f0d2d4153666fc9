"""Tests of ``training/clusters``."""
