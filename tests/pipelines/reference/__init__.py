"""The reference pages: complete, and true of the code."""
