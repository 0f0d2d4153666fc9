"""Tests of ``training/evaluation/clusters``."""
