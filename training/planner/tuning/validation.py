"""Evaluates a planner in training: validation loss, recall, coverage, unconstrained match rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from expectations.contracts.values import HISTORY_SIZE, ClusterContext
from training.evaluation.metrics import coverage_at_k
from training.planner.base.decode import write_greedily
from training.planner.base.model_io import Planner
from training.planner.config import PlannerConfig
from training.planner.data.transitions import Transitions, newest_contexts
from training.planner.tuning.completion_tree import CompletionTree
from training.planner.tuning.losses import listwise_loss
from training.planner.tuning.lower_layers import LowerLayers
from training.planner.tuning.scored_batch import score_batch

WATCHED_RECALL_DEPTH = 10
"""Recall@10, by which plans are compared everywhere."""
COVERAGE_DEPTH = 5
"""Coverage@5, which the table is gated by."""

# Shapes: R validation transitions, U distinct contexts among them, N clusters.


@dataclass(frozen=True)
class PlannerTokens:
    """Descriptions as tokens, encoded once.

    Attributes:
        descriptions: by cluster id.
        completions: tokens of each cluster's completion, the end token last.
        following: tokens that may stand, in any description, where each of those stands.
        tree: where the completions branch.
    """

    descriptions: tuple[str, ...]
    completions: tuple[tuple[int, ...], ...]
    following: tuple[tuple[tuple[int, ...], ...], ...]
    tree: CompletionTree

    @property
    def longest(self) -> int:
        """Tokens of the longest completion."""
        return max(len(completion) for completion in self.completions)

    def prompt_of(self, planner: Planner, context: ClusterContext) -> list[int]:
        """Return the prompt's tokens for these history clusters."""
        return planner.encode_prompt([self.descriptions[member] for member in context.members])


@dataclass(frozen=True)
class ValidationReport:
    """Figures of one evaluation.

    Attributes:
        loss: list-wise loss over the clusters not in the history, prompts of the newest clusters.
        recall_at_10: share of targets in the top ten of them.
        match_rate: share of prompts after which unconstrained decoding writes a description.
        coverage_at_5: share of clusters in the top five after any of the validation
            prompts, its own clusters left out.
    """

    loss: float
    recall_at_10: float
    match_rate: float
    coverage_at_5: float


class Validator:
    """Holds the validation transitions and the prompts that the match rate is watched on."""

    def __init__(
        self,
        tokens: PlannerTokens,
        transitions: Transitions,
        config: PlannerConfig,
        rng: np.random.Generator,
        lower: LowerLayers | None = None,
    ) -> None:
        count = min(config.validation_rows, len(transitions))
        self._examples = transitions.take(np.sort(rng.permutation(len(transitions))[:count]))
        self._tokens = tokens
        self._lower = lower
        self._contexts = sorted(set(newest_contexts(self._examples)))
        self._watched = draw_random_contexts(len(tokens.descriptions), config.match_prompts, rng)
        row_of = {context: row for row, context in enumerate(self._contexts)}
        self._rows = [row_of[context] for context in newest_contexts(self._examples)]  # [R]
        self._batch_size = config.hardware.micro_batch or config.batch_size

    def __len__(self) -> int:
        """Return how many transitions are evaluated on."""
        return len(self._examples)

    def evaluate(self, planner: Planner) -> ValidationReport:
        """Return the figures of the planner as it is now; leaves it in evaluation mode."""
        planner.model.eval()
        by_context = self._scores(planner)  # [U, N]
        scores = by_context[self._rows]  # [R, N]
        candidates = torch.from_numpy(self._examples.candidates(scores.shape[1]))
        targets = torch.from_numpy(self._examples.targets)
        loss = listwise_loss(scores, targets[:, None], candidates[:, None]).item()
        own = scores.gather(1, targets[:, None])  # [R, 1]
        ranks = ((scores > own) & candidates).sum(dim=1)  # [R]
        return ValidationReport(
            loss=loss,
            recall_at_10=(ranks < WATCHED_RECALL_DEPTH).double().mean().item(),
            match_rate=measure_match_rate(planner, self._tokens, self._watched),
            coverage_at_5=self._coverage(by_context),
        )

    def _coverage(self, by_context: torch.Tensor) -> float:
        n_clusters = by_context.shape[1]
        ranked = by_context.argsort(dim=1, descending=True, stable=True)  # [U, N]
        rankings = [
            [cluster for cluster in row if cluster not in context.members]
            for context, row in zip(
                self._contexts, ranked[:, : COVERAGE_DEPTH + HISTORY_SIZE].tolist(), strict=True
            )
        ]
        return coverage_at_k(rankings, n_clusters, COVERAGE_DEPTH)

    def _scores(self, planner: Planner) -> torch.Tensor:
        prompts = [self._tokens.prompt_of(planner, context) for context in self._contexts]
        pieces = []
        for start in range(0, len(prompts), self._batch_size):
            chosen = prompts[start : start + self._batch_size]
            with torch.no_grad():
                batch = score_batch(
                    planner.model,
                    chosen,
                    [[planner.end_token_id]] * len(chosen),
                    self._tokens.tree,
                    planner.pad_token_id,
                    self._lower,
                )
            assert batch.cluster_scores is not None  # a tree was given
            pieces.append(batch.cluster_scores.cpu())
        return torch.cat(pieces)  # [U, N]


def measure_match_rate(
    planner: Planner, tokens: PlannerTokens, contexts: Sequence[ClusterContext]
) -> float:
    """Return the share of contexts after which greedy decoding writes exactly a description."""
    prompts = [tokens.prompt_of(planner, context) for context in contexts]
    texts = write_greedily(planner, prompts, max_new_tokens=tokens.longest + 1)
    known = set(tokens.descriptions)
    return sum(text in known for text in texts) / len(texts)


def draw_random_contexts(
    n_clusters: int, count: int, rng: np.random.Generator
) -> list[ClusterContext]:
    """Return that many random contexts of distinct clusters, ascending; repetitions are merged."""
    drawn: NDArray[np.int64] = rng.integers(n_clusters, size=(count, HISTORY_SIZE))
    return sorted({ClusterContext.of(*{int(member) for member in row}) for row in drawn})
