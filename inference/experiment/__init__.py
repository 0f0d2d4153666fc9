"""The simulated live experiment."""
