"""Params, paths, artefacts, and what runs stages and commands. No algorithm."""
