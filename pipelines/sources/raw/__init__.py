"""Raw files as they lie on disk: text and Parquet, part files, and what single cells say.

What becomes of them, items and interactions, is the room above.
"""
