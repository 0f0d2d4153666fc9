"""Around the planner: base models that are fetched, and plans that are explained."""
