"""Tests of ``pipelines/stages``."""
