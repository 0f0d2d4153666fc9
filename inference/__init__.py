"""What uses trained models: planning the table, serving requests, the simulated experiment."""
