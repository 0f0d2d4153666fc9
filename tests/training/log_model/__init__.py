"""Tests of ``training/log_model``."""
