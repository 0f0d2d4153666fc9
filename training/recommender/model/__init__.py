"""The transformer and what answers with it. Learns nothing."""
