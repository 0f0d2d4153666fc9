"""A release as a logged model: the manifest and everything a service needs beside the store.

A service loads the files. As a model it says what it holds: name and SHA-256 of every part.
"""

from __future__ import annotations

from pathlib import Path

import mlflow
from mlflow.pyfunc import PythonModel, PythonModelContext


class ReleaseModel(PythonModel):  # type: ignore[misc]
    """Answers with the hash of each part asked for by name."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the manifest; raises if its id is not that of its parts."""
        from inference.release.manifest import MANIFEST_FILE, read_manifest

        self._manifest = read_manifest(Path(context.artifacts["release"]) / MANIFEST_FILE)

    def predict(
        self, context: PythonModelContext, model_input: list[str], params: object = None
    ) -> list[str]:
        """Return the SHA-256 of each named part, an empty text for one it does not hold."""
        parts = self._manifest.parts
        return [parts[name].sha256 if name in parts else "" for name in model_input]


mlflow.models.set_model(ReleaseModel())
