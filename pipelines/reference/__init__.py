"""Reference pages of the documents, made from the code itself. Writes nothing into the tree."""
