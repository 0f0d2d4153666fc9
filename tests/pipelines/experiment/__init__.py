"""Tests of ``pipelines/experiment``."""
