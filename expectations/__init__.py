"""What every table and figure must be: contracts, suites over raw data, and blocking gates."""
