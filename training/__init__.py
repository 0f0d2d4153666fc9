"""The learning: pure functions with typed configs; no MLflow, Feast, params.yaml or paths."""
