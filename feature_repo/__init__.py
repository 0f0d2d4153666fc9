"""Feast definitions only: what is served, from which files, under which names."""
