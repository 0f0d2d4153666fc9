"""What a run of MLflow holds beside figures: the data it came from, and pictures."""
