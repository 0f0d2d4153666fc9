"""What all routes share, over connections of its own: limits, deadlines, keys, metrics."""
