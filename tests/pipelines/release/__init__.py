"""Tests of ``pipelines/release``."""
