"""Fine-tuning: batches, losses, the training loop, validation. Makes no example."""
