"""Tests of ``training/recommender``."""
