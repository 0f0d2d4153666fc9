"""Tests of what exploration knows beside one request."""
