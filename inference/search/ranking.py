"""A row of the table: the best novel clusters of a context, their scores, and if it is proven."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from expectations.contracts.values import NO_CLUSTER, ClusterContext
from inference.search.config import TableConfig

# Shapes: B contexts in a batch, N clusters, D depth of a row.


@dataclass(frozen=True)
class RankedContexts:
    """The rows of one batch of contexts.

    Attributes:
        clusters: best first, equal scores in ascending id, no member of the context, int64
            [B, D]; ``NO_CLUSTER`` after a row's end.
        scores: rounded to ``TableConfig.score_step``, float32 [B, D]; minus infinity after a
            row's end.
        error_bounds: by how much the score of a cluster left out may exceed the row's last one;
            0 where it is proven that none belongs into the row, float32 [B].
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
    """Ranks by the scores of all clusters: every row is proven."""

    scorer: ContextScorer
    config: TableConfig

    def rank_batch(self, contexts: Sequence[ClusterContext]) -> RankedContexts:
        """Return the rows of these contexts."""
        return rank_scores(self.scorer.score_batch(contexts), contexts, self.config)


def row_depth(n_clusters: int, n_members: int, config: TableConfig) -> int:
    """Return how many clusters a row ranks whose context has ``n_members`` clusters."""
    whole = n_clusters - n_members
    return whole if n_clusters <= config.whole_up_to else min(whole, config.depth)


def rank_scores(
    scores: NDArray[np.float64], contexts: Sequence[ClusterContext], config: TableConfig
) -> RankedContexts:
    """Return the rows that these scores of every cluster [B, N] make."""
    steps = np.rint(scores / config.score_step)  # [B, N]
    members = [(row, member) for row, context in enumerate(contexts) for member in context.members]
    steps[tuple(np.array(members).T)] = -np.inf
    n_members = min(len(context.members) for context in contexts)
    order = _best(steps, row_depth(scores.shape[1], n_members, config))  # [B, D]
    best = np.take_along_axis(steps, order, axis=1) * config.score_step
    listed = np.isfinite(best)
    return RankedContexts(
        clusters=np.where(listed, order, NO_CLUSTER),
        scores=best.astype(np.float32),
        error_bounds=np.zeros(len(contexts), dtype=np.float32),
    )


def _best(steps: NDArray[np.float64], depth: int) -> NDArray[np.int64]:
    """Return the columns of each row's largest whole numbers, equal ones in ascending order."""
    n_columns = steps.shape[1]
    keys = np.arange(n_columns) - steps * n_columns  # all of them different, exact up to 2 ** 53
    first = np.argpartition(keys, depth - 1, axis=1)[:, :depth]
    order = np.argsort(np.take_along_axis(keys, first, axis=1), axis=1)
    return np.take_along_axis(first, order, axis=1)
