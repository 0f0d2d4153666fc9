"""Tests of ``training/alignment``."""
