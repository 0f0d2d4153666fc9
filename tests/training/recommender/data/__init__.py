"""Tests of ``training/recommender/data``."""
