"""How good rankings are. Here: the metrics; the rooms below compare methods."""
