"""Connections to the online store, and rows kept of it. Knows no feature by name."""
