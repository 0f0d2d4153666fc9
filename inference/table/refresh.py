"""Refreshes a table after a few clusters have changed, without planning every row anew.

A cluster is the same where its id and its description are. Under a score that does not depend on
the other descriptions, a row whose context is the same needs scores of the new and the changed
clusters only. What such a row had left out ranks behind its last, so every cluster that
ranks no worse than that is where a full run would put it; a row left with too few of them
is planned again, like the rows of changed contexts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from expectations.contracts.values import NO_CLUSTER, ClusterContext
from inference.search.config import TableConfig
from inference.search.ranking import RankedContexts, rank_scores, row_depth
from inference.table.plan_table import NO_ROW, PlanTable
from inference.table.shards import ROWS_SCHEMA

ID_BITS = 24
"""Of a rank's key: ids up to 16 million, more clusters than any table could hold; 39 bits are left
for scores."""
NO_RANK = np.iinfo(np.int64).max

# Shapes: B contexts in a batch, R rows, D their ranks, C rescored clusters, N clusters.


@dataclass(frozen=True)
class ClusterChanges:
    """What became of the clusters between two sets of descriptions.

    Attributes:
        n_before: clusters of the previous table.
        n_after: clusters now.
        kept: ids with the description they had, ascending.
        new: ids now with another description, or that were not there, ascending.
        gone: previous ids with another description, or that are not there now, ascending.
    """

    n_before: int
    n_after: int
    kept: tuple[int, ...]
    new: tuple[int, ...]
    gone: tuple[int, ...]

    def __bool__(self) -> bool:
        return bool(self.new or self.gone)


@dataclass(frozen=True)
class MergedRows:
    """What the previous table gives for the new one.

    Attributes:
        rows: the rows that are proven, as :data:`ROWS_SCHEMA`.
        unproven: contexts that have to be planned again although they are the same.
    """

    rows: pl.DataFrame
    unproven: tuple[ClusterContext, ...]


class CandidateScorer(Protocol):
    """Whatever scores some clusters as it would score them among all.

    Attributes:
        arithmetic: what the last bits rest on, see :class:`RankedContexts`.
    """

    @property
    def arithmetic(self) -> str: ...  # noqa: D102

    def score_candidates(
        self, contexts: Sequence[ClusterContext], candidates: Sequence[int]
    ) -> NDArray[np.float64]:
        """Return the scores of these clusters in every context, [B, C]."""
        ...


@dataclass(frozen=True)
class RankCandidates:
    """Ranks these clusters alone, with the scores they have among all of ``n_clusters``."""

    scorer: CandidateScorer
    candidates: tuple[int, ...]
    n_clusters: int
    config: TableConfig

    def rank_batch(self, contexts: Sequence[ClusterContext]) -> RankedContexts:
        """Return rows with the best of the candidates and nothing else."""
        scores = np.full((len(contexts), self.n_clusters), -np.inf)  # [B, N]
        scores[:, self.candidates] = self.scorer.score_candidates(contexts, self.candidates)
        rows = rank_scores(scores, contexts, self.config)
        return replace(rows, arithmetic=self.scorer.arithmetic)


def compare_descriptions(before: Sequence[str], after: Sequence[str]) -> ClusterChanges:
    """Return what changed between two sets of descriptions, each by cluster id.

    >>> compare_descriptions(["jazz", "chess"], ["jazz", "street chess", "tea"])
    ClusterChanges(n_before=2, n_after=3, kept=(0,), new=(1, 2), gone=(1,))
    """
    shared = range(min(len(before), len(after)))
    kept = tuple(cluster for cluster in shared if before[cluster] == after[cluster])
    new = tuple(sorted(set(range(len(after))) - set(kept)))
    gone = tuple(sorted(set(range(len(before))) - set(kept)))
    return ClusterChanges(len(before), len(after), kept, new, gone)


def merge_rows(
    previous: PlanTable,
    rescored: PlanTable | None,
    contexts: Sequence[ClusterContext],
    changes: ClusterChanges,
    unproven_keys: Collection[str],
    config: TableConfig,
    arithmetic: str,
) -> MergedRows:
    """Put rescored clusters into the previous rows of ``contexts``, whose members are all kept.

    Args:
        previous: the table as it was.
        rescored: the best of the new clusters in every one of ``contexts``; ``None`` where none is.
        contexts: the rows wanted, in their order.
        changes: between the two.
        unproven_keys: keys of previous rows that are not proven; they are planned again.
        config: of both tables.
        arithmetic: of both tables.
    """
    before = _rows_of(previous, contexts)  # [R]
    keys = _rank_keys(previous, before, changes.kept, config)  # [R, D]
    last = _last_keys(previous, before, contexts, config)  # [R]
    if rescored is not None:
        again = _rank_keys(rescored, _rows_of(rescored, contexts), changes.new, config)  # [R, C]
        keys = np.concatenate([keys, again], axis=1)
    keys = np.sort(keys, axis=1)  # [R, D + C]
    depths = np.array(
        [row_depth(changes.n_after, len(context.members), config) for context in contexts]
    )
    trusted = np.array([context.key not in unproven_keys for context in contexts], dtype=bool)
    n_proven = ((keys <= last[:, None]) & (keys != NO_RANK)).sum(axis=1)
    proven = (n_proven >= depths) & trusted
    return MergedRows(
        rows=_frame(keys, depths, np.flatnonzero(proven).tolist(), contexts, config, arithmetic),
        unproven=tuple(contexts[row] for row in np.flatnonzero(~proven).tolist()),
    )


def _rows_of(table: PlanTable, contexts: Sequence[ClusterContext]) -> NDArray[np.int32]:
    ends = np.array([(p.members[0], p.members[-1]) for p in contexts], dtype=np.int64).reshape(
        -1, 2
    )
    rows: NDArray[np.int32] = table.row_of_context[ends[:, 0], ends[:, 1]]
    if (rows == NO_ROW).any():
        raise ValueError("the table lacks a row of a context that is the same")
    return rows


def _rank_keys(
    table: PlanTable, rows: NDArray[np.int32], kept: Sequence[int], config: TableConfig
) -> NDArray[np.int64]:
    """Return a number for each rank that orders by score, then id; clusters not kept come last."""
    clusters = table.clusters[rows]  # [R, D]
    is_kept = np.zeros(table.n_clusters + 1, dtype=bool)
    is_kept[list(kept)] = True
    listed = (clusters != NO_CLUSTER) & is_kept[clusters]  # NO_CLUSTER looks up the last: False
    return np.where(listed, _key(table.scores[rows], clusters, config), NO_RANK)


def _key(
    scores: NDArray[np.float32], clusters: NDArray[np.int32], config: TableConfig
) -> NDArray[np.int64]:
    steps = np.rint(np.where(np.isfinite(scores), scores, 0).astype(np.float64) / config.score_step)
    return (-steps.astype(np.int64) << ID_BITS) + clusters


def _last_keys(
    table: PlanTable,
    rows: NDArray[np.int32],
    contexts: Sequence[ClusterContext],
    config: TableConfig,
) -> NDArray[np.int64]:
    """Return the key of each row's last rank, before which no cluster is missing, [R]."""
    clusters = table.clusters[rows]  # [R, D]
    lengths = (clusters != NO_CLUSTER).sum(axis=1)  # [R]
    n_members = np.array([len(context.members) for context in contexts])
    at = np.maximum(lengths - 1, 0)[:, None]  # [R, 1]
    last = _key(
        np.take_along_axis(table.scores[rows], at, axis=1),
        np.take_along_axis(clusters, at, axis=1),
        config,
    )[:, 0]
    is_whole = lengths == table.n_clusters - n_members
    return np.where(is_whole, NO_RANK, np.where(lengths > 0, last, -NO_RANK))


def _frame(
    keys: NDArray[np.int64],
    depths: NDArray[np.int64],
    rows: Sequence[int],
    contexts: Sequence[ClusterContext],
    config: TableConfig,
    arithmetic: str,
) -> pl.DataFrame:
    clusters = keys & ((1 << ID_BITS) - 1)
    scores = (-(keys >> ID_BITS) * config.score_step).astype(np.float32)
    return pl.DataFrame(
        {
            "context_key": [contexts[row].key for row in rows],
            "novel_clusters": [clusters[row, : depths[row]] for row in rows],
            "scores": [scores[row, : depths[row]] for row in rows],
            "error_bound": np.zeros(len(rows), dtype=np.float32),
            "arithmetic": [arithmetic] * len(rows),
        },
        schema=ROWS_SCHEMA,
    )
