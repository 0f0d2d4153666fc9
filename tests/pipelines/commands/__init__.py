"""Tests of ``pipelines/commands``."""
