"""What stops a stage: bounds, suites, and the reports they leave. Computes no figure."""
