"""Interest clusters: item representation, balanced tree, descriptions."""
