"""Worlds with stores, services and registries of their own."""
