"""Tests of ``pipelines/release/runs``."""
