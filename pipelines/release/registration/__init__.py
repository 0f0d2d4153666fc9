"""Logs and registers the models of a release. What only finds them lies in the folder above."""
