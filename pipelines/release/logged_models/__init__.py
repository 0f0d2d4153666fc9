"""Models as code: MLflow copies these files beside the weights and runs them to load a model."""
