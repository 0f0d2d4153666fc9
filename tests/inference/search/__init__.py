"""Tests of ``inference/search``."""
