"""Worlds of the experiment beside the planted one: their laws, without what they are made from."""
