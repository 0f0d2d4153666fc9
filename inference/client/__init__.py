"""A typed client of the service, sync and async: needs httpx, and nothing else of ours."""
