"""Sections of the printed report, from artefacts that are there. Computes no metric."""
