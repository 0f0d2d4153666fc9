"""The collective signal: what everybody's choices and nearness say of what follows a context."""
