"""``params.yaml`` as one checked object, and the sections that no other room owns. Runs nothing."""
