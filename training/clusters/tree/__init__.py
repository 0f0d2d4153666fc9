"""The balanced tree: built, kept, measured, given new items. Knows no words."""
