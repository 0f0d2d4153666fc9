"""Constrained planning: exact search in the tree of descriptions, the table, served plans."""
