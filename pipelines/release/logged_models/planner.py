"""The planner as a logged model: two descriptions in, the description of a novel cluster out.

The artefact holds the adapter only. Its base model is named by folder and fingerprint; loading
refuses any other base. Give the folder of a copy with
``mlflow.pyfunc.load_model(uri, model_config={"base_folder": ...})``.
"""

from __future__ import annotations

from pathlib import Path

import mlflow
from mlflow.pyfunc import PythonModel, PythonModelContext

MAX_NEW_TOKENS = 48
"""More than a description of ``clusters.description.max_words`` has."""


class PlannerModel(PythonModel):  # type: ignore[misc]
    """Writes, unconstrained and greedily, the next novel interest after some history clusters."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load base and adapter; raises if the base is not the one the adapter was trained on."""
        from training.planner.base.model_io import load_planner

        base = Path(context.model_config["base_folder"])
        self._planner = load_planner(base, Path(context.artifacts["adapter"]))

    def predict(
        self, context: PythonModelContext, model_input: list[list[str]], params: object = None
    ) -> list[str]:
        """Return one description per row; a row holds descriptions in ascending cluster id."""
        from training.planner.base.decode import write_greedily

        prompts = [self._planner.encode_prompt(descriptions) for descriptions in model_input]
        return write_greedily(self._planner, prompts, MAX_NEW_TOKENS)


mlflow.models.set_model(PlannerModel())
