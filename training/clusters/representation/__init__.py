"""Items as vectors, from their words and from who acted on them. Knows no cluster."""
