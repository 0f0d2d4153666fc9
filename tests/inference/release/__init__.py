"""Tests of ``inference/release``."""
