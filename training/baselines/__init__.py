"""Cluster-level baselines that a planner must beat: popularity, pair counts, EASE."""
