"""Tests of ``inference/evaluation``."""
