"""The planner. Here: settings, prompts, optimizers; the rooms below do the work."""
