"""Tests of ``training/item_scoring``."""
