"""The recommender as a logged model: recent items in, the best unseen items out."""

from __future__ import annotations

from pathlib import Path

import mlflow
from mlflow.pyfunc import PythonModel, PythonModelContext

N_ITEMS = 10
"""Items in an answer of the logged model, which shows what a run learned and serves nobody."""


class RecommenderModel(PythonModel):  # type: ignore[misc]
    """Ranks the whole catalogue for users given by their recent items, newest first."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load weights and item order from safetensors and JSON."""
        from training.recommender.model.recommender import SequenceRecommender

        self._recommender = SequenceRecommender.load(Path(context.artifacts["recommender"]))

    def predict(
        self, context: PythonModelContext, model_input: list[list[str]], params: object = None
    ) -> list[list[str]]:
        """Return the ids of the best items for each row of recent items, those left out."""
        return [
            [i.item_id for i in self._recommender.top_items(recent, None, set(recent), N_ITEMS)]
            for recent in model_input
        ]


mlflow.models.set_model(RecommenderModel())
