"""What the table stage keeps on disk, and its guards. Plans nothing itself."""
