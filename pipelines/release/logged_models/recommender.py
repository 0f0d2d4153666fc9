"""The recommender as a logged model: recent items in, the best unseen items out."""

from __future__ import annotations

from pathlib import Path

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PythonModel, PythonModelContext

N_ITEMS = 10
"""Items in an answer of the logged model, which shows what a run learned and serves nobody."""


class RecommenderModel(PythonModel):  # type: ignore[misc]
    """Ranks the whole catalogue for users given by their recent items, newest first."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load weights and item order from safetensors and JSON."""
        from training.recommender.model.recommender import SequenceRecommender

        self._recommender = SequenceRecommender.load(Path(context.artifacts["recommender"]))
        self._known = frozenset(self._recommender.item_ids)

    def predict(
        self, context: PythonModelContext, model_input: list[list[str]], params: object = None
    ) -> list[list[str]]:
        """Return the ids of the best items for each row of recent items, those left out.

        Raises:
            MlflowException: a row is empty, or names an item that the model does not know.
        """
        for number, recent in enumerate(model_input):
            unknown = [item for item in recent if item not in self._known]
            if unknown or not recent:
                said = f"no item of the catalogue has the id {unknown[0]!r}" if unknown else "empty"
                raise MlflowException.invalid_parameter_value(f"row {number}: {said}")
        return [
            [i.item_id for i in self._recommender.top_items(recent, None, set(recent), N_ITEMS)]
            for recent in model_input
        ]


mlflow.models.set_model(RecommenderModel())
