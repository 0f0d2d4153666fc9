"""The service: HTTP, restricted retrieval, blending. Plans nothing."""
