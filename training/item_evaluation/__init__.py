"""How good a recommender is: full rankings beside baselines, and what restriction costs."""
