"""Great Expectations suites over tables."""
