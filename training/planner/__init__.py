"""The planner: prompts, base language model, LoRA fine-tuning, greedy decoding."""
