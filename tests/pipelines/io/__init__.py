"""Tests of ``pipelines/io``."""
