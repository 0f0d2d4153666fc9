"""Point-in-time histories, transitions and evaluation cases."""
