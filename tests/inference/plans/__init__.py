"""Tests of ``inference/plans``."""
