"""Histories as arrays, the order of items, counts of neighbours. No weights."""
