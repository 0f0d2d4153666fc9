"""What became of the clusters of a previous tree. Builds no tree."""
