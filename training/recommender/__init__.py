"""The transformer sequence recommender."""
