"""Tests of ``inference/events``."""
