"""A description in words for every cluster, unique on its level. Moves no item."""
