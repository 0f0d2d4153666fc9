"""Releases: manifest, registered names, one loaded in memory. Promotes nothing."""
