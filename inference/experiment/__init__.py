"""The simulated live experiment: the same users with and without exploration."""
