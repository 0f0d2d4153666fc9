"""Baselines that rank novel clusters, from popularity to a transformer; stacks."""
