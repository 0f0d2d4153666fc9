"""Tests of ``pipelines/params``."""
