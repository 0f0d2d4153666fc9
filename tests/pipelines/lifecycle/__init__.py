"""Tests of ``pipelines/lifecycle``."""
