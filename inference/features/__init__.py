"""What is known of a user, read online, live events added. Writes nothing."""
