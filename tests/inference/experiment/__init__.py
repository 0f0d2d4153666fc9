"""Tests of ``inference/experiment``."""
