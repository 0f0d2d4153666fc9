"""Bandits over the cluster tree: what the planner is held against in the simulated experiment."""
