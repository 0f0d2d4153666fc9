"""What happens to a release: published, promoted, restored, retired, its tree kept. Builds none."""
