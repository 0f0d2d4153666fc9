"""What the planning engine is held against: plain passes of transformers, and its beam search.

Both give the score ``closed`` of ``docs/research/planning.md``: a token's probability among those
that some description goes on with.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from expectations.contracts.values import ClusterContext
from training.planner.base.model_io import Planner
from training.planner.tuning.completion_tree import continuations
from training.planner.tuning.scored_batch import pad_right


class PlainPlanning:
    """Scores and ranks by transformers alone; members of the context are ranked like the rest."""

    def __init__(self, planner: Planner, descriptions: Sequence[str]) -> None:
        self._planner = planner
        self._descriptions = descriptions
        self._completions = [planner.encode_completion(text) for text in descriptions]
        self._following = continuations(self._completions)
        self._cluster_of = {tuple(c): cluster for cluster, c in enumerate(self._completions)}

    def score(self, context: ClusterContext) -> NDArray[np.float64]:
        """Return every description's log-probability, each read after the whole prompt, [N]."""
        prompt = self._prompt(context)
        tokens, mask = pad_right([prompt + c for c in self._completions], 0)
        kept = tokens.shape[1] - len(prompt) + 1  # the prompt's last position and all after it
        with torch.inference_mode():
            logits = self._planner.model(
                input_ids=tokens, attention_mask=mask, logits_to_keep=kept
            ).logits.double()
        scores = np.zeros(len(self._completions))
        for cluster, completion in enumerate(self._completions):
            for step, token in enumerate(completion):
                allowed = self._following[tuple(completion[:step])]
                if len(allowed) > 1:
                    row = logits[cluster, step]
                    scores[cluster] += float(row[token] - row[allowed].logsumexp(0))
        return scores

    def generate(self, context: ClusterContext, beams: int, count: int) -> list[int]:
        """Return the first ``count`` clusters that ``generate`` finds with that many beams."""
        prompt = self._prompt(context)
        end = self._planner.end_token_id

        def allowed(_: int, tokens: torch.Tensor) -> list[int]:
            written = tuple(tokens[len(prompt) :].tolist())
            return self._following.get(written, [end])

        settings: dict[str, object] = {
            "num_beams": beams,
            "num_return_sequences": count,
            "do_sample": False,
            "length_penalty": 0.0,  # sums of log-probabilities, not means
            "early_stopping": False,
            "renormalize_logits": True,
            "max_new_tokens": max(len(c) for c in self._completions),
            "eos_token_id": end,
            "pad_token_id": end,
            # a model's own settings would silently narrow the beams
            "top_k": None,
            "top_p": None,
            "temperature": None,
            "repetition_penalty": 1.0,
        }
        inputs = torch.tensor([prompt])
        with torch.inference_mode():
            written = self._planner.model.generate(
                input_ids=inputs,
                attention_mask=torch.ones_like(inputs),
                prefix_allowed_tokens_fn=allowed,
                **settings,
            )
        rows = [row[len(prompt) :] for row in written.tolist()]
        ended = [tuple(row[: row.index(end) + 1]) for row in rows if end in row]
        return [self._cluster_of[row] for row in ended if row in self._cluster_of]

    def _prompt(self, context: ClusterContext) -> list[int]:
        return self._planner.encode_prompt([self._descriptions[m] for m in context.members])


def best(scores: NDArray[np.float64], count: int, step: float) -> list[int]:
    """Return the best clusters, scores equal to the step in ascending id, as the table does."""
    return [int(c) for c in np.argsort(-np.rint(scores / step), kind="stable")[:count]]
