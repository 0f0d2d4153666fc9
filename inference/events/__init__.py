"""Live events: the durable log of what users did, and the online view that follows from it."""
