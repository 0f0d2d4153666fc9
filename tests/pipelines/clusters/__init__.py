"""Tests of ``pipelines/clusters``."""
