"""Commands about events and people: export, replay, drop, forget."""
