"""Feast's own online stores with one more way to write: rows that are bytes already."""
