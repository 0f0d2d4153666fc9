"""What happens to a release: built, published, promoted, restored, retired, its tree kept."""
