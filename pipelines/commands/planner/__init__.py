"""Commands around the planner: a base model fetched, a plan explained. One thin file each."""
