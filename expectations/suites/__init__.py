"""Suites over raw data: what items and interactions must be before anything is written."""
