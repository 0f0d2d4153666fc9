"""The planner as a logged model: descriptions of history clusters in, that of a novel one out.

The artefact holds the adapter only. Its base model is another logged model, named by its version
and fetched when this one is loaded; loading refuses a base of another fingerprint. Give the folder
of a copy, where the registry is out of reach, with
``mlflow.pyfunc.load_model(uri, model_config={"base_folder": ...})``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PythonModel, PythonModelContext

MAX_NEW_TOKENS = 48
"""More than a description of ``clusters.description.max_words`` has."""


class PlannerModel(PythonModel):  # type: ignore[misc]
    """Writes, unconstrained and greedily, the next novel interest after some history clusters."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load base and adapter; raises if the base is not the one the adapter was trained on."""
        from training.planner.base.model_io import load_planner

        descriptions = Path(context.artifacts["descriptions"]).read_text(encoding="utf-8")
        self._cluster_ids: dict[str, int] = json.loads(descriptions)
        with _base_folder(context.model_config) as base:
            self._planner = load_planner(base, Path(context.artifacts["adapter"]))

    def predict(
        self, context: PythonModelContext, model_input: list[list[str]], params: object = None
    ) -> list[str]:
        """Return what is written for each row of one or two descriptions, in any order.

        Raises:
            MlflowException: a row names no interest of the tree, or too many for a prompt.
        """
        from training.planner.base.decode import write_greedily

        prompts = [self._planner.encode_prompt(self._in_order(row)) for row in model_input]
        return write_greedily(self._planner, prompts, MAX_NEW_TOKENS)

    def _in_order(self, descriptions: list[str]) -> list[str]:
        from expectations.contracts.values import ClusterContext

        unknown = [text for text in descriptions if text not in self._cluster_ids]
        if unknown:
            raise MlflowException.invalid_parameter_value(
                f"no interest of this planner's tree is described as {unknown[0]!r}; its "
                "descriptions are in the model's artefact descriptions.json"
            )
        by_id = {self._cluster_ids[text]: text for text in descriptions}
        try:
            return [by_id[cluster] for cluster in ClusterContext.of(*by_id).members]
        except ValueError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None


@contextmanager
def _base_folder(config: dict[str, str]) -> Iterator[Path]:
    """Yield the folder of the base model, fetched for as long as it takes to load it."""
    if config["base_folder"]:
        yield Path(config["base_folder"])
        return
    with TemporaryDirectory(prefix="base-") as scratch:
        yield Path(mlflow.artifacts.download_artifacts(config["base"], dst_path=scratch))


mlflow.models.set_model(PlannerModel())
