"""Exact constrained search: the best clusters of a context. Keeps nothing on disk."""
