"""Tests of ``pipelines/online``."""
