"""Tests of ``training/recommender/model``."""
