"""What all routes share: deadlines, limits, headers, keys, metrics, the log. Knows no release."""
