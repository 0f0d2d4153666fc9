"""Scores and ranks the items of a layout, block by block and exactly; the arithmetic of lists."""
