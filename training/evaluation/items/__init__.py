"""How good rankings of items are, and what restriction costs. Trains nothing."""
