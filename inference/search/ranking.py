"""A row of the table: the best novel clusters of a context, their scores, and if it is proven.

Beyond ``TableConfig.whole_up_to`` clusters it holds the best of all and the best of every family:
near ones alone would fill it. The best of every field are among those of its families.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from expectations.contracts.values import NO_CLUSTER, ClusterContext
from inference.search.config import TableConfig
from training.clusters.distance import Ancestors

# Shapes: B contexts in a batch, N clusters, D depth of a row.


@dataclass(frozen=True)
class RankedContexts:
    """The rows of one batch of contexts.

    Attributes:
        clusters: best first, equal scores in ascending id, no member of the context, int64
            [B, D]; ``NO_CLUSTER`` after a row's end.
        scores: rounded to ``TableConfig.score_step``, float32 [B, D]; minus infinity after a
            row's end.
        error_bounds: by how much the score of a cluster left out may exceed the last one of the
            best of all, or of its family; 0 where it is proven that none belongs into the row,
            float32 [B].
        arithmetic: what their last bits rest on, see :mod:`inference.search.arithmetic`; empty
            where they rest on nothing but the contexts.
    """

    clusters: NDArray[np.int64]
    scores: NDArray[np.float32]
    error_bounds: NDArray[np.float32]
    arithmetic: str = ""

    @property
    def certified(self) -> NDArray[np.bool_]:
        """Whether it is proven that no cluster left out belongs into the row, [B]."""
        return np.asarray(self.error_bounds == 0)


class ContextRanker(Protocol):
    """Whatever fills rows of the table: the planner, or a baseline put in its stead."""

    def rank_batch(self, contexts: Sequence[ClusterContext]) -> RankedContexts:
        """Return the rows of these contexts, all with equally many members."""
        ...


class ContextScorer(Protocol):
    """Whatever scores every cluster in a context."""

    def score_batch(self, contexts: Sequence[ClusterContext]) -> NDArray[np.float64]:
        """Return a log-probability of every cluster in these contexts, [B, N]."""
        ...


@dataclass(frozen=True)
class RankEverything:
    """Ranks by the scores of all clusters: every row is proven.

    Attributes:
        scorer: scores them.
        families: of each cluster, see :func:`families_of`.
        config: how rows are ranked.
    """

    scorer: ContextScorer
    families: Sequence[int]
    config: TableConfig

    def rank_batch(self, contexts: Sequence[ClusterContext]) -> RankedContexts:
        """Return the rows of these contexts."""
        scores = self.scorer.score_batch(contexts)
        return rank_scores(scores, contexts, self.config, self.families)


def families_of(ancestors: Ancestors) -> tuple[int, ...]:
    """Return the family of each cluster; the same for all where each is a family of its own.

    There nothing is next door, and the best of all lead as far as any.
    """
    families: list[int] = ancestors.families.tolist()
    return (0,) * len(families) if len(set(families)) == len(families) else tuple(families)


def row_depth(n_clusters: int, n_members: int, config: TableConfig) -> int:
    """Return how many of all clusters a row ranks whose context has ``n_members`` clusters."""
    whole = n_clusters - n_members
    return whole if n_clusters <= config.whole_up_to else min(whole, config.depth)


def depth_of_family(n_clusters: int, config: TableConfig) -> int:
    """Return how many clusters of every family a row ranks, whether among the best of all or not.

    0 where a row is the whole ranking.
    """
    return 0 if n_clusters <= config.whole_up_to else config.per_family


def depth_of_best(n_clusters: int, config: TableConfig) -> int | None:
    """Return how many places of a row hold the best of all; ``None`` where all of them do."""
    return config.depth if depth_of_family(n_clusters, config) else None


def rank_scores(
    scores: NDArray[np.float64],
    contexts: Sequence[ClusterContext],
    config: TableConfig,
    families: Sequence[int],
) -> RankedContexts:
    """Return the rows that these scores of every cluster [B, N] make; ``families`` is [N]."""
    n_clusters = scores.shape[1]
    steps = np.rint(scores / config.score_step)  # [B, N]
    members = [(row, member) for row, context in enumerate(contexts) for member in context.members]
    steps[tuple(np.array(members).T)] = -np.inf
    n_members = min(len(context.members) for context in contexts)
    depth = row_depth(n_clusters, n_members, config)
    keys = np.arange(n_clusters) - steps * n_clusters  # all different, exact up to 2 ** 53
    is_kept = _are_first(keys, depth)  # [B, N]
    per_family, family_of = depth_of_family(n_clusters, config), np.asarray(families)
    for family in np.unique(family_of) if per_family else ():
        columns = np.flatnonzero(family_of == family)
        is_kept[:, columns] |= _are_first(keys[:, columns], per_family)
    width = max(depth, int(is_kept.sum(axis=1).max()))
    kept_keys = np.where(is_kept, keys, np.inf)  # [B, N]
    order = _first(kept_keys, width)  # [B, D]
    best = np.take_along_axis(steps, order, axis=1) * config.score_step
    listed = np.isfinite(np.take_along_axis(kept_keys, order, axis=1))
    return RankedContexts(
        clusters=np.where(listed, order, NO_CLUSTER),
        scores=np.where(listed, best, -np.inf).astype(np.float32),
        error_bounds=np.zeros(len(contexts), dtype=np.float32),
    )


def _are_first(keys: NDArray[np.float64], count: int) -> NDArray[np.bool_]:
    """Return which keys are among the ``count`` smallest of their row, and finite."""
    there = np.isfinite(keys)
    if count >= keys.shape[1]:
        return there
    if count == 0:
        return np.zeros_like(there)
    last = np.partition(keys, count - 1, axis=1)[:, count - 1 : count]  # [B, 1]
    return there & (keys <= last)


def _first(keys: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return the columns of each row's smallest keys in ascending order, [B, count]."""
    first = np.argpartition(keys, count - 1, axis=1)[:, :count]
    order = np.argsort(np.take_along_axis(keys, first, axis=1), axis=1)
    return np.take_along_axis(first, order, axis=1)
