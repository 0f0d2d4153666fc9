"""Tests of the structure itself: imports, stages, documents."""
