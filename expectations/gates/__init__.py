"""Blocking gates over metrics."""
