"""The search and the table: speed and exactness against plain decoding."""
