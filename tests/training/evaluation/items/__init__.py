"""Tests of ``training/evaluation/items``."""
