"""Exploration: what fills its positions in a list, what was shown, who is in which arm."""
