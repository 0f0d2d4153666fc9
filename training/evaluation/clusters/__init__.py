"""Compares rankings of novel clusters on the same cases. Ranks nothing itself."""
