"""The novel-cluster table: planned in bulk, refreshed, described. Serves nobody."""
