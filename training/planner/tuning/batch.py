"""What the planner learns from in one step: a batch of prompts, its loss, and its gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from expectations.contracts.values import ClusterContext
from training.planner.base.hardware import tuning_precision
from training.planner.base.model_io import Planner
from training.planner.config import PlannerConfig
from training.planner.data.planner_data import PlannerData
from training.planner.data.transitions import sample_contexts
from training.planner.tuning.losses import (
    collective_loss,
    completion_loss,
    distance_balanced_loss,
    listwise_loss,
    novel_description_loss,
    valid_continuation_loss,
)
from training.planner.tuning.lower_layers import LowerLayers
from training.planner.tuning.scored_batch import ScoredBatch, score_batch
from training.planner.tuning.validation import PlannerTokens
from training.processes import ProcessGroup

# Shapes: B prompts, W choices held against each, N clusters.


NO_CHOICE = -1
"""Fills the choices of a prompt that shows no person's history, so that no choice is known."""
NO_TOKEN = -1
"""Fills positions where fewer tokens may follow than elsewhere."""


@dataclass(frozen=True)
class Batch:
    """Prompts and what may be chosen after them.

    Attributes:
        contexts: history clusters that each prompt shows, B.
        targets: the novel cluster that is written after each, int64 [B].
        choices: novel clusters of people who share the prompt, int64 [B, W]; ``NOBODY`` in the
            rows of prompts that are no person's.
        is_candidate: what each of those could have chosen, bool [B, W, N].
        expected: the balanced signal, a distribution a row, float32 [B, N]; [B, 0] without.
        distances: codes of how far each cluster is from the context's, int8 [B, N]; [B, 0] where
            no loss asks.
    """

    contexts: list[ClusterContext]
    targets: NDArray[np.int64]
    choices: NDArray[np.int64]
    is_candidate: NDArray[np.bool_]
    expected: NDArray[np.float32]
    distances: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def needs_scores(self) -> bool:
        """Whether descriptions are to be ranked, and not only written."""
        return bool(self.choices.shape[1] or self.expected.shape[1])

    def is_novel(self, n_clusters: int) -> NDArray[np.bool_]:
        """Return whether each cluster is none of the prompt's, [B, N]."""
        found = np.ones((len(self), n_clusters), dtype=bool)
        for row, context in enumerate(self.contexts):
            found[row, list(context.members)] = False
        return found

    def take(self, rows: NDArray[np.int64]) -> Batch:
        """Return these prompts of it."""
        return Batch(
            [self.contexts[row] for row in rows.tolist()],
            self.targets[rows],
            self.choices[rows],
            self.is_candidate[rows],
            self.expected[rows],
            self.distances[rows],
        )


def draw_batch(
    data: PlannerData, n_clusters: int, config: PlannerConfig, rng: np.random.Generator
) -> Batch:
    """Return one random batch: people's prompts first, then the table's.

    Beside the signal a completion only shows how descriptions are written. Where layers below an
    adapter are kept for each prompt with its completion, it is the same one every time.
    """
    n_free = round(config.batch_size * config.table_share) if data.table else 0
    drawn = data.transitions.take(
        rng.integers(len(data.transitions), size=config.batch_size - n_free)
    )
    contexts = sample_contexts(drawn, config, rng)
    width = config.listwise_choices if config.listwise_weight else 0
    choices = np.full((config.batch_size, width), NO_CHOICE, dtype=np.int64)
    is_candidate = np.zeros((config.batch_size, width, n_clusters), dtype=bool)
    if width:
        rows = data.context_index.draw(contexts, width, rng)  # [people, W]
        others = data.transitions.take(rows.reshape(-1))
        choices[: len(contexts)] = others.targets.reshape(rows.shape)
        is_candidate[: len(contexts)] = others.candidates(n_clusters).reshape(*rows.shape, -1)
    if data.table:
        contexts = contexts + data.table.draw(n_free, rng)
    expected = np.empty((len(contexts), 0))
    if data.collective:
        expected = data.collective.expect(contexts)
    written = [rng.choice(n_clusters, p=row) for row in expected[len(drawn) :]]
    targets = np.concatenate([drawn.targets, np.array(written, dtype=np.int64)])
    if data.collective and config.lora.layers is not None:
        targets = _steady_targets(contexts, expected)
    distances = np.empty((len(contexts), 0), dtype=np.int8)
    if config.distance_balance:
        distances = data.distances_of(contexts)
    return Batch(contexts, targets, choices, is_candidate, expected.astype(np.float32), distances)


def _steady_targets(
    contexts: Sequence[ClusterContext], expected: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return a cluster drawn by what is expected [B, N] after each context, int64 [B].

    After the same context it is the same one as long as as much is expected of it.
    """
    drawn = [
        np.random.default_rng(context.members).choice(len(shares), p=shares)
        for context, shares in zip(contexts, expected, strict=True)
    ]
    return np.array(drawn, dtype=np.int64)


def combined_loss(
    planner: Planner,
    tokens: PlannerTokens,
    batch: Batch,
    target_weights: NDArray[np.float32],
    config: PlannerConfig,
    lower: LowerLayers | None = None,
) -> Tensor:
    """Return the weighted sum of all losses, each a mean over the prompts.

    ``target_weights`` are what a choice counts by its novel cluster, [N]. A prompt of nobody adds
    nothing to the list-wise loss. ``lower`` are layers without an adapter, if there are any.
    """
    with tuning_precision(config.hardware, planner.model.device):
        scored = score_batch(
            planner.model,
            [tokens.prompt_of(planner, context) for context in batch.contexts],
            [tokens.completions[target] for target in batch.targets],
            tokens.tree if batch.needs_scores else None,
            planner.pad_token_id,
            lower,
        )
    loss = config.completion_weight * _writing_loss(scored, tokens, batch)
    if scored.cluster_scores is None:
        return loss
    device = loss.device
    asked = np.flatnonzero((batch.choices != NO_CHOICE).any(axis=1))  # none where W is 0
    if len(asked):
        ranking = listwise_loss(
            scored.cluster_scores[torch.as_tensor(asked, device=device)],
            torch.from_numpy(batch.choices[asked]).to(device),
            torch.from_numpy(batch.is_candidate[asked]).to(device),
            torch.from_numpy(target_weights).to(device),
        )
        loss = loss + config.listwise_weight * ranking * (len(asked) / len(batch))
    if batch.expected.shape[1]:
        expected = torch.from_numpy(batch.expected).to(device)
        gap = _gap(scored.cluster_scores, expected, batch, config)
        loss = loss + config.collective_weight * gap
    if config.novel_description_weight:
        is_novel = torch.from_numpy(batch.is_novel(scored.cluster_scores.shape[1])).to(device)
        astray = novel_description_loss(scored.cluster_scores, is_novel)
        loss = loss + config.novel_description_weight * astray
    return loss


def _gap(scores: Tensor, expected: Tensor, batch: Batch, config: PlannerConfig) -> Tensor:
    """Return how far scores [B, N] are from what is expected [B, N]."""
    if not batch.distances.shape[1]:
        return collective_loss(scores, expected)
    distances = torch.from_numpy(batch.distances).to(scores.device)
    return distance_balanced_loss(scores, expected, distances, config.distance_balance)


def _writing_loss(scored: ScoredBatch, tokens: PlannerTokens, batch: Batch) -> Tensor:
    """Return what keeps the planner writing descriptions.

    The whole completion, unless the signal says what is to be chosen: then only that the words of
    some description follow. One drawn choice is noise beside a distribution.
    """
    if not batch.expected.shape[1]:
        return completion_loss(scored.token_log_probabilities, scored.token_mask)
    rows = [tokens.following[target] for target in batch.targets]
    widest = max(len(following) for row in rows for following in row)
    allowed = np.full((*scored.token_mask.shape, widest), NO_TOKEN, dtype=np.int64)  # [B, T, W]
    for index, row in enumerate(rows):
        for position, following in enumerate(row):
            allowed[index, position, : len(following)] = following
    device = scored.token_mask.device
    return valid_continuation_loss(
        scored.completion_logs, torch.from_numpy(allowed).to(device), scored.token_mask
    )


def add_gradients(
    planner: Planner,
    tokens: PlannerTokens,
    batch: Batch,
    data: PlannerData,
    config: PlannerConfig,
    weights: list[Tensor],
    group: ProcessGroup,
    lower: LowerLayers | None = None,
) -> float:
    """Leave the gradients of the batch's loss at ``weights``, and return the loss.

    Each process of the group reads its share of the prompts, ``config.hardware.micro_batch`` of
    them at once; as losses are means over prompts, the gradients of the pieces add up.
    """
    mine = np.arange(group.rank, len(batch), group.world_size)
    at_once = config.hardware.micro_batch or len(batch)
    total = torch.zeros(1, device=group.device)
    for start in range(0, len(mine), at_once):
        rows = mine[start : start + at_once]
        loss = combined_loss(planner, tokens, batch.take(rows), data.target_weights, config, lower)
        share = loss * (len(rows) / len(batch))
        share.backward()
        total += share.detach()
    for weight in weights:
        if weight.grad is None:  # more processes than prompts
            weight.grad = torch.zeros_like(weight)
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    group.all_reduce([total, *gradients])
    return float(total)
