"""The planner against every baseline, its settings and base models."""
