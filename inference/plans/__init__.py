"""Rows of the table combined into a served plan: ONE way for figures and service."""
