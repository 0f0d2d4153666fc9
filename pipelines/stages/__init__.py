"""One short file per DVC stage: load, call, write."""
