"""Requests, features and events on the stores."""
