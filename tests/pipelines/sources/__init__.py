"""Tests of ``pipelines/sources``."""
