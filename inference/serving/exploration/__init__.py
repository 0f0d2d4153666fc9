"""What exploration knows beside one request: what was shown, who is in which arm."""
