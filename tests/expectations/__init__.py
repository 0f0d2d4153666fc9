"""Tests of ``expectations``."""
