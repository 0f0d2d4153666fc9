"""Tests of ``training/curation``."""
