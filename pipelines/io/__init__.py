"""Paths, artefacts, readers, and what runs stages and commands. No algorithm."""
