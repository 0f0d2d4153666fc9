"""Tests of ``inference/features``."""
