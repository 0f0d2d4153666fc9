"""Data sources: each turns raw input into the canonical items and interactions."""
