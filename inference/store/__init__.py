"""Connections to the online store, rows kept of it, the registry in a file. Knows no feature by name."""
