"""A generative model of a log: fitted to any ingested one, and told from it by its figures."""
