"""Tests of ``inference/table``."""
