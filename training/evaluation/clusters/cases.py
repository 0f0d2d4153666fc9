"""Evaluation cases in memory: what was known of each user at an origin, and what came after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.clusters.distance import Ancestors

Ranking = list[int]

Scores = NDArray[np.float64]
"""Of every cluster for every case, [B, N]; minus infinity where a cluster cannot be proposed."""


def rows_of_split(cases: pl.DataFrame, split: str) -> pl.DataFrame:
    """Return the rows of the table CASES behind :class:`PlannerCases`, in its order."""
    has_positives = pl.col("positives").list.len() > 0
    return cases.filter(pl.col("split") == split, has_positives).sort("origin", "user_id")


@dataclass(frozen=True)
class PlannerCases:
    """Cases of one split, B of them; a user may have one per origin.

    Attributes:
        users: user ids, the unit of the bootstrap, [B].
        histories: history clusters, newest first.
        consumed: clusters with any earlier interaction.
        positives: novel clusters of the window; never empty.
    """

    users: tuple[str, ...]
    histories: list[list[int]]
    consumed: list[list[int]]
    positives: list[frozenset[int]]

    def __len__(self) -> int:
        return len(self.users)

    @classmethod
    def from_frame(cls, cases: pl.DataFrame, split: str) -> PlannerCases:
        """Take one split's cases out of the table CASES; those without positives are left out."""
        chosen = rows_of_split(cases, split)
        return cls(
            users=tuple(chosen["user_id"].to_list()),
            histories=chosen["history_clusters"].to_list(),
            consumed=chosen["consumed_clusters"].to_list(),
            positives=[frozenset(novel) for novel in chosen["positives"].to_list()],
        )

    def take(self, rows: NDArray[np.int64]) -> PlannerCases:
        """Return these cases, in this order."""
        return PlannerCases(
            users=tuple(self.users[row] for row in rows),
            histories=[self.histories[row] for row in rows],
            consumed=[self.consumed[row] for row in rows],
            positives=[self.positives[row] for row in rows],
        )

    def distances(self, ancestors: Ancestors) -> NDArray[np.int8]:
        """Return how far every cluster is from all that each user had consumed, [B, N]."""
        known = zip(self.consumed, self.histories, strict=True)
        return ancestors.distances_of([[*consumed, *history] for consumed, history in known])

    def drop_consumed(self, scores: NDArray[np.float64], depth: int) -> list[Ranking]:
        """Rank ``scores`` [B, N] or [N] for each case, best first, consumed clusters dropped.

        Equal scores stand in ascending cluster id, as in the served plan.
        """
        wide = np.broadcast_to(scores, (len(self), scores.shape[-1])).astype(np.float64)
        for row, clusters in enumerate(self.consumed):
            wide[row, [*clusters, *self.histories[row]]] = -np.inf
        order = np.argsort(-wide, axis=1, kind="stable")[:, :depth]
        offered = np.isfinite(np.take_along_axis(wide, order, axis=1))
        return [row[kept].tolist() for row, kept in zip(order, offered, strict=True)]

    def activity_segments(self) -> dict[str, NDArray[np.int64]]:
        """Return the cases of light, middle and heavy users, by clusters consumed."""
        return segment_by_activity(np.array([len(clusters) for clusters in self.consumed]))


def segment_by_activity(sizes: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """Return the cases of light, middle and heavy users: terciles of what they consumed.

    Users with equally many stand in one segment; a segment that this leaves empty is absent.

    Args:
        sizes: clusters or items that the user of each case had consumed, [cases].
    """
    if not len(sizes):
        return {}
    low, high = np.quantile(sizes, [1 / 3, 2 / 3])
    segments = {
        "light": np.flatnonzero(sizes <= low),
        "middle": np.flatnonzero((sizes > low) & (sizes <= high)),
        "heavy": np.flatnonzero(sizes > high),
    }
    return {name: cases for name, cases in segments.items() if len(cases)}
