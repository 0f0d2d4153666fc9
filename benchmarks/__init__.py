"""Measurements of speed and quality, run by hand; their figures stand in the documents."""
