"""What a user's whole past says of the planner's proposals."""
