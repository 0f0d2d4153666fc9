"""Tests of ``pipelines/research``."""
