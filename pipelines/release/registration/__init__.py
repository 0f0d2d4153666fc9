"""Logs and registers the models of a release, and takes them out. Finding them lies above."""
