"""Tests of ``inference/experiment/study``."""
