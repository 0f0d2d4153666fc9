"""Tests of ``inference/serving``."""
