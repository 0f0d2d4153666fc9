"""Blocking gates over metrics, evaluated by Great Expectations; slow to import, so kept apart."""
