"""The sequence recommender. Here: settings and protocol; the rooms below do the work."""
