"""What one leafs through: the map of interests, items by their titles, people by their ids."""
