"""The online path: features, restricted retrieval, blending, HTTP."""
