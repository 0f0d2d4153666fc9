"""A user's table rows combined into one plan, consumed clusters dropped. The ONE implementation.

Evaluation and experiment plan many users at once from a :class:`PlanTable`; a request plans one
user from the rows it fetched. Both run the same arithmetic, so a figure measured on the former
holds for the latter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from expectations.contracts.values import NO_CLUSTER, ClusterContext, contexts_of_history
from inference.plans.combining import combine_rows
from inference.plans.config import PlanConfig
from inference.plans.deal import place_clusters
from inference.plans.personal_mix import find_mixes
from inference.table.plan_table import NO_ROW, PlanTable, TableRow
from training.alignment.reference_plans import ReferencePlans
from training.clusters.distance import DISTANCES, Ancestors

SCORE_DECIMALS = 6
"""Sums of other order differ beyond them; within them the order of equal scores is that of ids."""
CELLS_AT_ONCE = 2_000_000
"""Floats of a block of users x contexts x clusters: 16 MB each, a handful of such arrays live."""
MAX_WEIGHTS_KEPT = 64
"""Of histories of each length that a release may combine, for a few settings."""

# Shapes: B users, P contexts of each (padded), D depth of a row, N clusters.


class PlannedCluster(NamedTuple):
    """A novel cluster of a plan, its combined score, and the context with most of it."""

    cluster_id: int
    score: float
    led_by: ClusterContext


@dataclass(frozen=True)
class ServedPlan:
    """Novel clusters best first, and the contexts whose rows were not there."""

    clusters: tuple[PlannedCluster, ...]
    missing: tuple[ClusterContext, ...]


def contexts_to_look_up(
    history_clusters: Sequence[int], config: PlanConfig
) -> list[ClusterContext]:
    """Return the contexts whose rows make the plan of this history (newest first), newest first.

    One cluster gives its single row; an empty history gives none.
    """
    return contexts_of_history(list(history_clusters[: config.max_history]))


def plan_for(
    contexts: Sequence[ClusterContext],
    history_clusters: Sequence[int],
    distances: NDArray[np.int8],
    families: NDArray[np.int64],
    rows: Mapping[ClusterContext, TableRow],
    config: PlanConfig,
    reference: ReferencePlans,
) -> ServedPlan:
    """Return the plan of one user from the rows that were found, before it is aligned.

    Args:
        contexts: of the history, as :func:`contexts_to_look_up` gave them to look up their rows.
        history_clusters: distinct, newest first.
        distances: of every cluster from all that was consumed, [N]; what is known is not planned.
        families: of every cluster, [N].
        rows: rows by context; absent ones are reported.
        config: how rows are combined, and what may be planned.
        reference: plans by which a mix is made one person's own.
    """
    of_contexts = [rows.get(context) for context in contexts]
    is_found = [row is not None and len(row.novel_clusters) > 0 for row in of_contexts]
    found = list(compress(contexts, is_found))
    missing = tuple(context for context, there in zip(contexts, is_found, strict=True) if not there)
    if not found:
        return ServedPlan((), missing)
    n_history = min(len(history_clusters), config.max_history)
    weights = _weights(n_history, config.recency)[is_found]  # [P]
    clusters, scores = _stack([row for row in compress(of_contexts, is_found) if row])  # [P, D]
    combined, leaders = _combine(
        clusters[None], scores[None], weights[None], distances[None], families, config
    )  # [1, N] each
    mixes = find_mixes(combined, distances[None], config, reference)
    places = place_clusters(combined, distances[None], config, len(distances), mixes)[0]  # [N]
    of_cluster, leader = combined[0].tolist(), leaders[0].tolist()
    return ServedPlan(
        tuple(
            PlannedCluster(c, of_cluster[c], found[leader[c]])
            for c in places.tolist()
            if c != NO_CLUSTER
        ),
        missing,
    )


@dataclass(frozen=True)
class PlanBatch:
    """Served plans of many users.

    Attributes:
        clusters: novel clusters best first, int64 [B, depth], ``NO_CLUSTER`` after a plan's end.
        scores: their combined scores, float64 [B, depth], minus infinity after a plan's end.
        distances: codes of how far they are, int8 [B, depth]; anything after a plan's end.
        n_missing: rows each user's plan had to do without, int64 [B].
    """

    clusters: NDArray[np.int64]
    scores: NDArray[np.float64]
    distances: NDArray[np.int8]
    n_missing: NDArray[np.int64]

    def rankings(self) -> list[list[int]]:
        """Return each plan as a list without padding."""
        return [[c for c in row if c != NO_CLUSTER] for row in self.clusters.tolist()]


def plan_batch(
    histories: Sequence[Sequence[int]],
    consumed: Sequence[Sequence[int]],
    table: PlanTable,
    ancestors: Ancestors,
    config: PlanConfig,
    depth: int,
    reference: ReferencePlans,
) -> PlanBatch:
    """Return the plans of many users to ``depth``, before alignment; see :func:`plan_for`."""
    n_missing = np.zeros(len(histories), dtype=np.int64)  # [B]
    planned = np.full((len(histories), depth), NO_CLUSTER, dtype=np.int64)  # [B, depth]
    scores = np.full((len(histories), depth), -np.inf)  # [B, depth]
    codes = np.zeros((len(histories), depth), dtype=np.int8)  # [B, depth]
    for n_history in range(1, config.max_history + 1):
        users = [
            user
            for user, history in enumerate(histories)
            if min(len(history), config.max_history) == n_history
        ]
        weights = _weights(n_history, config.recency)  # [P]
        step = max(1, CELLS_AT_ONCE // (len(weights) * table.n_clusters))
        for start in range(0, len(users), step):
            chosen = users[start : start + step]
            rows = _rows_of_contexts(
                [histories[user][:n_history] for user in chosen], table
            )  # [B, P]
            absent = (rows == NO_ROW) | (table.clusters[rows, 0] == NO_CLUSTER)
            n_missing[chosen] = absent.sum(axis=1)
            distances = ancestors.distances_of(
                [[*histories[user], *consumed[user]] for user in chosen]
            )  # [B, N]
            clusters = np.where(absent[..., None], NO_CLUSTER, table.clusters[rows])  # [B, P, D]
            found = np.where(absent, 0.0, weights)  # [B, P]
            combined, _ = _combine(
                clusters, table.scores[rows], found, distances, ancestors.families, config
            )
            mixes = find_mixes(combined, distances, config, reference)
            places = place_clusters(combined, distances, config, depth, mixes)  # [B, depth]
            width, at = places.shape[1], np.maximum(places, 0)
            planned[chosen, :width] = places
            codes[chosen, :width] = np.take_along_axis(distances, at, axis=1)
            scores[chosen, :width] = np.where(
                places == NO_CLUSTER, -np.inf, np.take_along_axis(combined, at, axis=1)
            )
    return PlanBatch(planned, scores, codes, n_missing)


def _contexts_of_positions(n_history: int) -> list[ClusterContext]:
    """Return which positions of a history make its contexts, as ``contexts_of_history`` does."""
    return contexts_of_history(list(range(n_history)))


@lru_cache(MAX_WEIGHTS_KEPT)
def _weights(n_history: int, recency: float) -> NDArray[np.float64]:
    """Return the weight of each context of a history of so many clusters, [P]."""
    ages = [
        sum(context.members) - len(context.members) + 1
        for context in _contexts_of_positions(n_history)
    ]
    weights = np.asarray(recency ** np.array(ages))
    weights.setflags(write=False)
    return weights


def _rows_of_contexts(histories: Sequence[Sequence[int]], table: PlanTable) -> NDArray[np.int32]:
    """Return the rows of the contexts of histories of one length, [B, P]."""
    members = np.array(histories, dtype=np.int64)  # [B, history]
    ends = np.array(
        [(p.members[0], p.members[-1]) for p in _contexts_of_positions(members.shape[1])]
    )
    return np.asarray(table.row_of_context[members[:, ends[:, 0]], members[:, ends[:, 1]]])


def _stack(rows: Sequence[TableRow]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    depths = {len(row.novel_clusters) for row in rows}
    if len(depths) == 1:
        shape = len(rows), depths.pop()
        clusters = np.concatenate([row.novel_clusters for row in rows], dtype=np.int64)
        scores = np.concatenate([row.scores for row in rows], dtype=np.float32)
        return clusters.reshape(shape), scores.reshape(shape)
    depth = max(depths)
    clusters = np.full((len(rows), depth), NO_CLUSTER, dtype=np.int64)
    scores = np.full((len(rows), depth), -np.inf, dtype=np.float32)
    for number, row in enumerate(rows):
        clusters[number, : len(row.novel_clusters)] = row.novel_clusters
        scores[number, : len(row.scores)] = row.scores
    return clusters, scores


def _combine(
    clusters: NDArray[np.integer],
    scores: NDArray[np.float32],
    weights: NDArray[np.float64],
    distances: NDArray[np.int8],
    families: NDArray[np.int64],
    config: PlanConfig,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return combined scores, and which context has most of each, [B, N] each; see the loops."""
    combined, leaders = combine_rows(
        clusters,
        scores,
        weights,
        distances,
        families,
        clusters.shape[2] if config.table_depth is None else config.table_depth,
        DISTANCES.index(config.novelty),
        len(DISTANCES) if config.normalise_over == "distance" else 1,
        config.combination == "mean",
    )
    return np.round(combined, SCORE_DECIMALS), leaders
