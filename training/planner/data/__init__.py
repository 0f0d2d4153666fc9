"""What the planner learns from: examples, contexts, targets. Computes no loss."""
