"""Feature and event stores of this tree: opened, loaded, read back."""
