"""The base language model: made or referred to, loaded, decoded. No fine-tuning."""
