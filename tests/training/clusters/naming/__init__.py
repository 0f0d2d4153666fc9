"""Tests of ``training/clusters/naming``."""
