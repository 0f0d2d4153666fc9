"""Cluster mass: how much of what a sequence recommender expects next falls into each cluster."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.recommender.model.recommender import SequenceRecommender

CELLS_AT_ONCE = 4_000_000
"""Scores of items in memory at once: 32 MB."""

# Shapes: B cases, I items, N clusters.


def collect_recent_items(
    interactions: pl.LazyFrame, cases: pl.DataFrame, count: int
) -> list[list[str]]:
    """Return the items that the user of each case liked last before its origin, newest first.

    Distinct, each at its newest position, those of one moment in ascending id: as in the item
    history that a request reads.

    Args:
        interactions: table INTERACTIONS, any order.
        cases: columns ``origin`` and ``user_id``, one row per case, in the order of the result.
        count: items kept of each user.
    """
    keys = ["origin", "user_id"]
    newest = (
        interactions.filter("is_positive")
        .join(cases.lazy().select(keys), on="user_id")
        .filter(pl.col("timestamp") < pl.col("origin"))
        .group_by(*keys, "item_id")
        .agg(pl.max("timestamp"))
        .sort(*keys, "timestamp", "item_id", descending=[False, False, True, False])
        .group_by(keys, maintain_order=True)
        .agg(pl.col("item_id").head(count))
        .collect(engine="streaming")
    )
    lists = cases.select(keys).join(newest, on=keys, how="left", maintain_order="left")["item_id"]
    return [items or [] for items in lists.to_list()]


def score_cluster_mass(
    recommender: SequenceRecommender, recent_items: Sequence[Sequence[str]], powers: Sequence[float]
) -> list[NDArray[np.float64]]:
    """Return log-masses of all clusters for these users, [B, N], once for each power.

    A cluster's mass is the sum over its items of exp(power * score): with power 1 its share of
    the recommender's softmax, up to a constant of the user. Nothing is known of a user whose
    items the recommender does not know: all masses are equal.

    Args:
        recommender: its items lie in the order of their clusters.
        recent_items: of each user, newest first.
        powers: by which item scores are multiplied.
    """
    layout = recommender.layout
    masses = [np.zeros((len(recent_items), layout.n_clusters)) for _ in powers]
    known = [row for row, items in enumerate(recent_items) if len(layout.rows_of(items))]
    step = max(1, CELLS_AT_ONCE // layout.n_items)
    for start in range(0, len(known), step):
        rows = known[start : start + step]
        scores = recommender.score_batch([recent_items[row] for row in rows])  # [B, I]
        for power, found in zip(powers, masses, strict=True):
            found[rows] = _sum_blocks(power * scores.astype(np.float64), layout.block_starts)
    return masses


def _sum_blocks(scores: NDArray[np.float64], starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return log(sum(exp)) of each block of columns, [B, N]; minus infinity for an empty one."""
    highest = scores.max(axis=1, keepdims=True)  # [B, 1]
    filled = np.flatnonzero(np.diff(starts))
    sums = np.zeros((len(scores), len(starts) - 1))
    sums[:, filled] = np.add.reduceat(np.exp(scores - highest), starts[filled], axis=1)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(sums) + highest)
