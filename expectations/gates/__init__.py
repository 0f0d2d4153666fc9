"""Rules run by Great Expectations, and the blocking gates over metrics. Slow to import."""
