"""The map of clusters: a layout on a plane and a page that opens offline."""
