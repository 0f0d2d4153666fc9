"""Every section of ``params.yaml`` beside its config, checked together."""
