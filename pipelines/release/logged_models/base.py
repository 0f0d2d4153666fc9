"""The base language model as a logged model: a text in, how it goes on out.

Planners are trained on it and fetch it by its version and fingerprint, so that its weights are
kept once. A model of Hugging Face's hub is kept by its id and commit.
"""

from __future__ import annotations

from pathlib import Path

import mlflow
from mlflow.pyfunc import PythonModel, PythonModelContext

MAX_NEW_TOKENS = 48
"""As many as the logged planner writes, to be compared with it."""


class BaseLanguageModel(PythonModel):  # type: ignore[misc]
    """Continues texts greedily, as it does before any tuning."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load weights and tokenizer from safetensors and JSON."""
        from training.planner.base.model_io import load_base

        self._model, self._tokenizer = load_base(Path(context.artifacts["base"]))

    def predict(
        self, context: PythonModelContext, model_input: list[str], params: object = None
    ) -> list[str]:
        """Return what the model writes after each text, without the text itself."""
        written = []
        for text in model_input:
            tokens = self._tokenizer(text, return_tensors="pt")["input_ids"]  # [1, T]
            (row,) = self._model.generate(
                input_ids=tokens.to(self._model.device),
                do_sample=False,
                max_new_tokens=MAX_NEW_TOKENS,
                pad_token_id=self._tokenizer.pad_token_id,
            )
            written.append(self._tokenizer.decode(row[tokens.shape[1] :], skip_special_tokens=True))
        return written


mlflow.models.set_model(BaseLanguageModel())
