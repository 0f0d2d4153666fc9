"""From interactions to histories, transitions and evaluation cases, cut by time."""
