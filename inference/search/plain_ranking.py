"""Plain passes of transformers: for models that the engine cannot read, and what it is held to.

Every description is read after the whole prompt, so a row of N clusters takes N passes where the
engine takes about one. It asks of a model nothing but logits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from expectations.contracts.errors import UserError
from expectations.contracts.values import ClusterContext
from inference.search.arithmetic import BY_BATCH, name_arithmetic
from inference.search.config import TableConfig
from inference.search.output_head import LOGITS_AT_ONCE
from inference.search.ranking import RankedContexts, rank_scores
from training.planner.base.model_io import Planner
from training.planner.tuning.completion_tree import continuations

# Shapes: B contexts, C candidates, R of them read together, T tokens of the longest completion,
# V vocabulary.


class PlainRanker:
    """Ranks all clusters in contexts, as :class:`PlanningEngine` does, one description at a time.

    Args:
        planner: any Hugging Face causal language model and its tokenizer, in evaluation mode.
        descriptions: of each cluster, by id; no two the same to the tokenizer.
        families: of each cluster, see :func:`~inference.search.ranking.families_of`.
        config: score, depth and rounding.
    """

    def __init__(
        self,
        planner: Planner,
        descriptions: Sequence[str],
        families: Sequence[int],
        config: TableConfig,
    ) -> None:
        self._planner = planner
        self._descriptions = descriptions
        self._families = families
        self._config = config
        self._completions = [planner.encode_completion(text) for text in descriptions]
        self._following = continuations(self._completions)

    @property
    def arithmetic(self) -> str:
        """What the last bits of its rows rest on: nobody measures more than the batch here."""
        return name_arithmetic(self._planner.device, BY_BATCH, type(self).__name__)

    def rank_batch(self, contexts: Sequence[ClusterContext]) -> RankedContexts:
        """Return the rows of these contexts, all with equally many members; all are certified.

        Raises:
            UserError: the planner gives something that is not a number.
        """
        scores = self.score_candidates(contexts, range(len(self._descriptions)))
        rows = rank_scores(scores, contexts, self._config, self._families)
        return replace(rows, arithmetic=self.arithmetic)

    def score_candidates(
        self, contexts: Sequence[ClusterContext], candidates: Sequence[int]
    ) -> NDArray[np.float64]:
        """Return the scores of these clusters in every context, [B, C].

        Raises:
            UserError: the planner gives something that is not a number.
        """
        completions = [self._completions[cluster] for cluster in candidates]
        with torch.inference_mode():
            scores = torch.stack([self._score(context, completions) for context in contexts])
        if bool(torch.isnan(scores).any()):
            raise UserError("planner", "gives finite log-probabilities", "train it again")
        return np.asarray(scores.cpu().numpy())

    def _score(self, context: ClusterContext, completions: Sequence[Sequence[int]]) -> Tensor:
        """Return the log-probability of every completion after one prompt, float64 [C]."""
        planner = self._planner
        prompt = planner.encode_prompt([self._descriptions[m] for m in context.members])
        scores: list[float] = []
        longest = len(prompt) + max(map(len, completions))
        for part in _parts(completions, longest * _vocabulary(planner)):
            rows = [torch.tensor([*prompt, *completion]) for completion in part]
            tokens = pad_sequence(rows, batch_first=True, padding_value=planner.pad_token_id)
            mask = pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
            logits = planner.model(
                input_ids=tokens.to(planner.device), attention_mask=mask.to(planner.device)
            ).logits[:, len(prompt) - 1 : -1]  # [R, T, V]: the logits of each completion's tokens
            scores += [
                self._add_up(steps.double(), completion)
                for steps, completion in zip(logits, part, strict=True)
            ]
        return torch.tensor(scores, dtype=torch.float64)

    def _add_up(self, steps: Tensor, completion: Sequence[int]) -> float:
        """Return the sum of the log-probabilities of a completion's tokens; ``steps`` is [T, V]."""
        if self._config.score == "open":
            logs = steps[: len(completion)].log_softmax(dim=1)
            return float(logs[torch.arange(len(completion)), list(completion)].sum())
        total = 0.0
        for number, token in enumerate(completion):
            allowed = self._following[tuple(completion[:number])]
            if len(allowed) > 1:  # a token without an alternative is sure
                total += float(steps[number, token] - steps[number, allowed].logsumexp(0))
        return total


def _parts(
    completions: Sequence[Sequence[int]], logits_per_row: int
) -> Iterator[Sequence[Sequence[int]]]:
    at_once = max(1, LOGITS_AT_ONCE // logits_per_row)
    for start in range(0, len(completions), at_once):
        yield completions[start : start + at_once]


def _vocabulary(planner: Planner) -> int:
    return int(planner.model.get_output_embeddings().weight.shape[0])
