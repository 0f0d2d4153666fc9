"""Logs and registers the models of a release, and takes them out again. What only finds them
lies in the folder above."""
