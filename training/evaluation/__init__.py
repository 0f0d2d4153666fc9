"""Compares rankings of novel clusters on the same cases: figures, intervals, segments."""
