"""Tests of ``training/collective``."""
