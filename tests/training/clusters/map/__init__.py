"""Tests of ``training/clusters/map``."""
