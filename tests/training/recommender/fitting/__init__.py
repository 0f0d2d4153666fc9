"""Tests of ``training/recommender/fitting``."""
