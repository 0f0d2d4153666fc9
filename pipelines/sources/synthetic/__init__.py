"""The embedded synthetic source: a seeded world with a known truth, of any size."""
