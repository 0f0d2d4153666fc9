"""Tests of ``training/evaluation``."""
