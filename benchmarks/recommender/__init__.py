"""The recommender against RecTools, at scale, and restricted."""
