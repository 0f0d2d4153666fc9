"""Wiring of the simulated experiment: a world's truth becomes its environment."""
