"""Cluster-level baselines that a planner must beat, from popularity to a transformer; stacks."""
