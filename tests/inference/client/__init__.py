"""The client: held against the OpenAPI document, and put to the real service."""
