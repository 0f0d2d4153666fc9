"""Connections to the online store, rows kept of it, the registry's file. Knows no feature by name."""
