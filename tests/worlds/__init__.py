"""Small worlds with one known right answer, one module per room."""
