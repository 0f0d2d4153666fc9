"""Clusters and their names: quality, stability, bounds, cost."""
