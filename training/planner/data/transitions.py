"""Training examples: history clusters and their novel cluster, and which of them a prompt shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from expectations.contracts.errors import UserError
from expectations.contracts.values import HISTORY_SIZE, NO_CLUSTER, ClusterContext
from training.planner.config import PlannerConfig

# Shapes: R transitions, H most history clusters, B examples in a batch, N clusters.


@dataclass(frozen=True)
class Transitions:
    """Transitions of one split as arrays.

    Attributes:
        histories: history clusters, newest first, int64 [R, H]; ``NO_CLUSTER`` after the oldest.
        lengths: history clusters of each transition, at least 1, int64 [R].
        targets: the novel cluster, int64 [R].
    """

    histories: NDArray[np.int64]
    lengths: NDArray[np.int64]
    targets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, rows: NDArray[np.int64]) -> Transitions:
        """Return the transitions of these rows, in their order."""
        return Transitions(self.histories[rows], self.lengths[rows], self.targets[rows])

    def join(self, others: Transitions) -> Transitions:
        """Return these transitions and then the others."""
        width = max(self.histories.shape[1], others.histories.shape[1])
        histories = [
            np.pad(part, ((0, 0), (0, width - part.shape[1])), constant_values=NO_CLUSTER)
            for part in (self.histories, others.histories)
        ]
        return Transitions(
            np.concatenate(histories),
            np.concatenate([self.lengths, others.lengths]),
            np.concatenate([self.targets, others.targets]),
        )

    def candidates(self, n_clusters: int) -> NDArray[np.bool_]:
        """Return which clusters are not in each user's history, bool [R, N]."""
        free = np.ones((len(self), n_clusters + 1), dtype=bool)  # [R, N + 1]
        np.put_along_axis(free, self.histories % (n_clusters + 1), False, axis=1)
        return free[:, :n_clusters]  # the last column took the padding


def read_transitions(transitions: pl.DataFrame, split: str) -> Transitions:
    """Return the transitions of one split of the table TRANSITIONS.

    Raises:
        UserError: the split holds no transition.
    """
    rows = transitions.filter(pl.col("split") == split).sort(
        "event_timestamp", "user_id", "target_cluster"
    )
    if rows.is_empty():
        remedy = "lower split.validation_share, or bring users who reach a second interest"
        raise UserError("transitions", f"the {split} split holds a transition", remedy)
    lengths = rows["history_clusters"].list.len().to_numpy().astype(np.int64)  # [R]
    histories = np.full((rows.height, int(lengths.max())), NO_CLUSTER, dtype=np.int64)  # [R, H]
    histories[np.arange(histories.shape[1]) < lengths[:, None]] = (
        rows["history_clusters"].list.explode().to_numpy()
    )
    return Transitions(histories, lengths, rows["target_cluster"].to_numpy().astype(np.int64))


def newest_contexts(transitions: Transitions) -> list[ClusterContext]:
    """Return the K newest history clusters of each transition."""
    return [_context_of(row) for row in transitions.histories[:, :HISTORY_SIZE]]


def sample_contexts(
    transitions: Transitions, config: PlannerConfig, rng: np.random.Generator
) -> list[ClusterContext]:
    """Return the history clusters each transition's prompt shows this time.

    K of them, as ``context_sampling`` says, or a single one for a ``single_share`` of the
    transitions and wherever there is no more.
    """
    present = transitions.histories != NO_CLUSTER  # [B, H]
    order = np.where(present, 0.0, 2.0)  # [B, H]
    if config.context_sampling == "history":
        order = order + rng.random(order.shape)
    shown = np.argsort(order, axis=1, kind="stable")[:, :HISTORY_SIZE]  # [B, K]
    members = np.take_along_axis(transitions.histories, shown, axis=1)  # [B, K]
    alone = rng.random(len(transitions)) < config.single_share  # [B]
    if members.shape[1] == HISTORY_SIZE:
        kept = rng.integers(np.minimum(transitions.lengths, HISTORY_SIZE))  # [B]
        single = np.take_along_axis(members, kept[:, None], axis=1)  # [B, 1]
        members = np.where(alone[:, None], single, members)
    return [_context_of(row) for row in members]


def _context_of(members: NDArray[np.int64]) -> ClusterContext:
    return ClusterContext.of(*{int(member) for member in members if member != NO_CLUSTER})


def weigh_targets(transitions: Transitions, n_clusters: int, balance: float) -> NDArray[np.float32]:
    """Return what a choice of each novel cluster counts, float32 [n_clusters], mean 1 over choices.

    ``w_c`` is proportional to ``n_c ** -balance``, where ``n_c`` counts the choices of c.
    """
    counts = np.bincount(transitions.targets, minlength=n_clusters)
    weights = np.maximum(counts, 1).astype(np.float64) ** -balance
    return (weights / np.average(weights, weights=counts)).astype(np.float32)
