"""A release's record, registration, comparison and retention. Loads no features."""
