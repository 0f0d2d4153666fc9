"""Tests of ``inference/store``."""
