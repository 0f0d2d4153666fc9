"""A release as a logged model: the manifest and everything a service needs beside the store.

A service loads the files. As a model it says what it holds: name and SHA-256 of every part.
"""

from __future__ import annotations

from pathlib import Path

import mlflow
from mlflow.exceptions import MlflowException
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
        """Return the SHA-256 of each named part.

        Raises:
            MlflowException: the release has no part of a name.
        """
        parts = self._manifest.parts
        unknown = [name for name in model_input if name not in parts]
        if unknown:
            said = f"the release has no part {unknown[0]!r}; it has {', '.join(sorted(parts))}"
            raise MlflowException.invalid_parameter_value(said)
        return [parts[name].sha256 for name in model_input]


mlflow.models.set_model(ReleaseModel())
