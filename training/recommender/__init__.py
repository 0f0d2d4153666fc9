"""The transformer sequence recommender; ``direct`` has it in five lines of Python."""
