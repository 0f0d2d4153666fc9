"""What the planner learns from in one step: a batch of prompts, its loss, and its gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from expectations.contracts.values import ClusterPair
from training.planner.companions import Companions
from training.planner.config import PlannerConfig
from training.planner.examples import Examples, sample_contexts
from training.planner.losses import completion_loss, listwise_loss
from training.planner.model_io import Planner
from training.planner.scored_batch import score_batch
from training.planner.validation import PlannerTokens
from training.processes import Team

# Shapes: B prompts, W choices held against each, N clusters.


@dataclass(frozen=True)
class Course:
    """What is learned from: transitions, which of them share a prompt, and what each counts.

    ``target_weights`` are by novel cluster, float32 [N].
    """

    examples: Examples
    companions: Companions
    target_weights: Tensor


@dataclass(frozen=True)
class Batch:
    """Prompts and what people chose after them.

    Attributes:
        contexts: history clusters that each prompt shows, B.
        targets: the novel cluster of one person each, int64 [B].
        choices: novel clusters of people who share the prompt, int64 [B, W].
        is_candidate: what each of those could have chosen, bool [B, W, N].
    """

    contexts: list[ClusterPair]
    targets: NDArray[np.int64]
    choices: NDArray[np.int64]
    is_candidate: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, rows: NDArray[np.int64]) -> Batch:
        """Return these prompts of it."""
        contexts = [self.contexts[row] for row in rows.tolist()]
        return Batch(contexts, self.targets[rows], self.choices[rows], self.is_candidate[rows])


def draw_batch(
    course: Course, n_clusters: int, config: PlannerConfig, rng: np.random.Generator
) -> Batch:
    """Return one random batch."""
    drawn = course.examples.take(rng.integers(len(course.examples), size=config.batch_size))
    contexts = sample_contexts(drawn, config, rng)
    if not config.listwise_weight:
        nobody = np.empty((len(drawn), 0), dtype=np.int64)
        return Batch(contexts, drawn.targets, nobody, np.empty((*nobody.shape, n_clusters), bool))
    rows = course.companions.draw(contexts, config.listwise_choices, rng)  # [B, W]
    others = course.examples.take(rows.reshape(-1))
    is_candidate = others.candidates(n_clusters).reshape(*rows.shape, n_clusters)
    return Batch(contexts, drawn.targets, others.targets.reshape(rows.shape), is_candidate)


def batch_loss(
    planner: Planner,
    tokens: PlannerTokens,
    batch: Batch,
    target_weights: Tensor,
    config: PlannerConfig,
) -> Tensor:
    """Return the weighted sum of completion loss and list-wise loss, both means over the prompts.

    ``target_weights`` are what a choice counts by its novel cluster, float32 [N].
    """
    scored = score_batch(
        planner.model,
        [tokens.prompt_of(planner, context) for context in batch.contexts],
        [tokens.completions[target] for target in batch.targets],
        tokens.tree if config.listwise_weight else None,
        planner.pad_token_id,
    )
    loss = config.completion_weight * completion_loss(
        scored.token_log_probabilities, scored.token_mask
    )
    if scored.cluster_scores is None:
        return loss
    ranking = listwise_loss(
        scored.cluster_scores,
        torch.from_numpy(batch.choices).to(loss.device),
        torch.from_numpy(batch.is_candidate).to(loss.device),
        target_weights.to(loss.device),
    )
    return loss + config.listwise_weight * ranking


def add_gradients(
    planner: Planner,
    tokens: PlannerTokens,
    batch: Batch,
    course: Course,
    config: PlannerConfig,
    weights: list[Any],
    team: Team,
) -> float:
    """Leave the gradients of the batch's loss at ``weights``, and return the loss.

    Each process of the team reads its share of the prompts, ``config.hardware.micro_batch`` of
    them at once; as losses are means over prompts, the gradients of the pieces add up.
    """
    mine = np.arange(team.number, len(batch), team.size)
    at_once = config.hardware.micro_batch or len(batch)
    total = torch.zeros(1, device=team.device)
    for start in range(0, len(mine), at_once):
        rows = mine[start : start + at_once]
        loss = batch_loss(planner, tokens, batch.take(rows), course.target_weights, config)
        share = loss * (len(rows) / len(batch))
        share.backward()
        total += share.detach()
    for weight in weights:
        if weight.grad is None:  # a team larger than the batch
            weight.grad = torch.zeros_like(weight)
    team.add_up([total, *(weight.grad for weight in weights)])
    return float(total)
