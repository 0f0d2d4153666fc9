"""Baselines that ours must beat: over clusters, and over items. Never served."""
