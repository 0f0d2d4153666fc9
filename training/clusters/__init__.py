"""Interest clusters. Here: settings, and the serving level as others read it."""
