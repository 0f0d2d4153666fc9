"""Refreshes a table after a few clusters have changed, without planning every row anew.

A cluster is the same where its id and its description are. Under a score that does not depend on
the other descriptions, a row whose context is the same needs scores of the new and the changed
clusters only. What such a row had left out ranks behind the last of the best of all, and behind the
last of its family, so every cluster that ranks no worse than that is where a full run would put it,
of all or of its family; a row left with too few of them is planned again, like the rows of changed
contexts.
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
from inference.search.ranking import RankedContexts, depth_of_family, rank_scores, row_depth
from inference.table.plan_table import NO_ROW, PlanTable
from inference.table.shards import ROWS_SCHEMA

ID_BITS = 24
"""Of a rank's key: ids up to 16 million, more clusters than any table could hold; 39 bits are left
for scores."""
ID_MASK = (1 << ID_BITS) - 1
NO_RANK = np.iinfo(np.int64).max
NO_FAMILY = -1
"""Of what is no cluster: families are counted from 0."""

# Shapes: B contexts in a batch, R rows, D their ranks, C rescored clusters, N clusters, F families.


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
    """Ranks these clusters alone, with the scores they have among all.

    Attributes:
        scorer: scores them.
        candidates: what is ranked.
        families: of every cluster, candidate or not, see ``families_of``.
        config: how rows are ranked.
    """

    scorer: CandidateScorer
    candidates: tuple[int, ...]
    families: Sequence[int]
    config: TableConfig

    def rank_batch(self, contexts: Sequence[ClusterContext]) -> RankedContexts:
        """Return rows with the best of the candidates and nothing else."""
        scores = np.full((len(contexts), len(self.families)), -np.inf)  # [B, N]
        scores[:, self.candidates] = self.scorer.score_candidates(contexts, self.candidates)
        rows = rank_scores(scores, contexts, self.config, self.families)
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


@dataclass(frozen=True)
class Families:
    """The family of each cluster in the previous table and now, see ``families_of``.

    Attributes:
        before: ``None`` where rows held the best of all clusters only.
        after: as ``before`` of the new table.
    """

    before: Sequence[int] | None
    after: Sequence[int]


def merge_rows(
    previous: PlanTable,
    rescored: PlanTable | None,
    contexts: Sequence[ClusterContext],
    changes: ClusterChanges,
    families: Families,
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
        families: in both tables.
        unproven_keys: keys of previous rows that are not proven; they are planned again.
        config: of both tables.
        arithmetic: of both tables.
    """
    before = _rows_of(previous, contexts)  # [R]
    keys = _rank_keys(previous, before, changes.kept, config)  # [R, D]
    if rescored is not None:
        again = _rank_keys(rescored, _rows_of(rescored, contexts), changes.new, config)  # [R, C]
        keys = np.concatenate([keys, again], axis=1)
    keys = np.sort(keys, axis=1)  # [R, D + C]
    last, last_of = _last_keys(previous, before, contexts, families.before, config)  # [R], [R, F]
    depths = np.array(
        [row_depth(changes.n_after, len(context.members), config) for context in contexts]
    )
    is_row = (np.arange(keys.shape[1]) < depths[:, None]) & (keys != NO_RANK)  # [R, D + C]
    proven = np.array([context.key not in unproven_keys for context in contexts], dtype=bool)
    proven &= ((keys <= last[:, None]) & is_row).sum(axis=1) >= depths
    per_family = depth_of_family(changes.n_after, config)
    if per_family:
        of_family = np.array([*families.after, NO_FAMILY])
        found = of_family[np.where(keys != NO_RANK, keys & ID_MASK, -1)]  # [R, D + C]
        n_members = _count_members(contexts, families.after)  # [R, F]
        for family in np.unique(families.after).tolist():
            is_of = found == family  # [R, D + C]
            is_first = is_of & (is_of.cumsum(axis=1, dtype=np.int32) <= per_family)
            least = _least_left_out(last_of, families, family, changes.kept)  # [R]
            size = (of_family == family).sum() - n_members[:, family]  # [R]
            n_proven = (is_first & (keys <= least[:, None])).sum(axis=1)
            proven &= n_proven >= np.minimum(per_family, size)
            is_row |= is_first
    return MergedRows(
        rows=_frame(keys, is_row, np.flatnonzero(proven).tolist(), contexts, config, arithmetic),
        unproven=tuple(contexts[row] for row in np.flatnonzero(~proven).tolist()),
    )


def _count_members(
    contexts: Sequence[ClusterContext], families: Sequence[int]
) -> NDArray[np.int64]:
    """Return how many members of each context are of each family, [R, F]."""
    counts = np.zeros((len(contexts), max(families) + 1), dtype=np.int64)
    for row, context in enumerate(contexts):
        for member in context.members:
            counts[row, families[member]] += 1
    return counts


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
    families: Sequence[int] | None,
    config: TableConfig,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return before which key no cluster is missing, of all [R] and of each family [R, F].

    Families are those of the table; without any, one column holds for all of them.
    """
    clusters = table.clusters[rows]  # [R, D]
    lengths = (clusters != NO_CLUSTER).sum(axis=1)  # [R]
    n_members = np.array([len(context.members) for context in contexts])
    at = np.maximum(np.minimum(lengths, config.depth) - 1, 0)[:, None]  # [R, 1]
    last = _key(
        np.take_along_axis(table.scores[rows], at, axis=1),
        np.take_along_axis(clusters, at, axis=1),
        config,
    )[:, 0]
    is_whole = lengths == table.n_clusters - n_members
    last = np.where(is_whole, NO_RANK, np.where(lengths > 0, last, -NO_RANK))
    if families is None:
        return last, last[:, None]
    keys = _rank_keys(table, rows, range(table.n_clusters), config)  # [R, D]
    of_family = np.array([*families, NO_FAMILY])
    found = of_family[clusters]  # [R, D], as NO_CLUSTER looks up the last
    left = np.bincount(families) - _count_members(contexts, families)  # [R, F]
    last_of = np.empty_like(left)
    for family in range(left.shape[1]):
        listed = found == family  # [R, D]
        furthest = np.where(listed, keys, -NO_RANK).max(axis=1, initial=-NO_RANK)
        is_whole = listed.sum(axis=1) == left[:, family]
        last_of[:, family] = np.where(is_whole, NO_RANK, np.maximum(last, furthest))
    return last, last_of


def _least_left_out(
    last_of: NDArray[np.int64], families: Families, family: int, kept: Sequence[int]
) -> NDArray[np.int64]:
    """Return before which key no kept cluster of a family of now is missing, [R]."""
    if families.before is None:
        return last_of[:, 0]
    were = {families.before[cluster] for cluster in kept if families.after[cluster] == family}
    return np.asarray(last_of[:, sorted(were)].min(axis=1, initial=NO_RANK))


def _frame(
    keys: NDArray[np.int64],
    is_kept: NDArray[np.bool_],
    rows: Sequence[int],
    contexts: Sequence[ClusterContext],
    config: TableConfig,
    arithmetic: str,
) -> pl.DataFrame:
    scores = (-(keys >> ID_BITS) * config.score_step).astype(np.float32)
    return pl.DataFrame(
        {
            "context_key": [contexts[row].key for row in rows],
            "novel_clusters": [(keys[row] & ID_MASK)[is_kept[row]] for row in rows],
            "scores": [scores[row, is_kept[row]] for row in rows],
            "error_bound": np.zeros(len(rows), dtype=np.float32),
            "arithmetic": [arithmetic] * len(rows),
        },
        schema=ROWS_SCHEMA,
    )
