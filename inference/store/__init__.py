"""Connections to the online store, rows kept of it, a registry's file. Knows no feature by name."""
