"""The map of interests, items by words, people by ids."""
