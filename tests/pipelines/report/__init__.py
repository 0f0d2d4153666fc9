"""Tests of ``pipelines/report``."""
