"""The novel-cluster table in memory, as arrays: what evaluation and experiment look up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from expectations.contracts.errors import UserError
from expectations.contracts.values import NO_CLUSTER, ClusterContext

NO_ROW = -1
"""Where a table has no row for a context: no index of a row is negative."""
TABLE = "novel_cluster_table"
REMEDY = "run the table stage again, with this cluster tree"


@dataclass(frozen=True)
class TableRow:
    """One row: novel clusters best first, int64 [depth], and their log-probabilities [depth]."""

    novel_clusters: NDArray[np.int64]
    scores: NDArray[np.float32]


@dataclass(frozen=True)
class PlanTable:
    """Rows of the table: R of them to depth D, over N clusters.

    Attributes:
        row_of_context: row of each context, int32 [N, N], symmetric, single clusters on the
            diagonal;
            ``NO_ROW`` for contexts the table has not.
        clusters: novel clusters best first, int32 [R, D], ``NO_CLUSTER`` after a row's end.
        scores: their log-probabilities, float32 [R, D], minus infinity after a row's end.
    """

    row_of_context: NDArray[np.int32]
    clusters: NDArray[np.int32]
    scores: NDArray[np.float32]

    @property
    def n_clusters(self) -> int:
        """Clusters at the serving level."""
        return len(self.row_of_context)

    @property
    def depth(self) -> int:
        """Clusters that the longest row ranks."""
        return int(self.clusters.shape[1])

    def members(self) -> NDArray[np.int64]:
        """Return the members of each row's context, [R, 2]; a single cluster stands twice."""
        first, second = np.nonzero(np.triu(self.row_of_context != NO_ROW))
        ends = np.zeros((len(self.clusters), 2), dtype=np.int64)
        ends[self.row_of_context[first, second]] = np.column_stack([first, second])
        return ends

    def proposes_members(self) -> NDArray[np.bool_]:
        """Return which rows propose a member of their own context, [R]; none should."""
        found = self.clusters[:, :, None] == self.members()[:, None]  # [R, D, 2]
        return np.asarray(found.any(axis=(1, 2)))

    def rankings(self) -> list[list[int]]:
        """Return every row's clusters as a list without padding."""
        return [[c for c in row if c != NO_CLUSTER] for row in self.clusters.tolist()]

    @classmethod
    def without_rows(cls, n_clusters: int) -> PlanTable:
        """Return a table that has a row for no context."""
        row_of_context = np.full((n_clusters, n_clusters), NO_ROW, dtype=np.int32)
        return cls(row_of_context, np.empty((0, 0), np.int32), np.empty((0, 0), np.float32))

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, n_clusters: int) -> PlanTable:
        """Lay out NOVEL_CLUSTER_TABLE in arrays.

        Raises:
            UserError: ids and scores of a row differ in number, or an id is unknown.
        """
        lengths = frame["novel_clusters"].list.len().to_numpy()
        if (lengths != frame["scores"].list.len().to_numpy()).any():
            raise UserError(TABLE, "has one score per cluster", REMEDY)
        depth = int(lengths.max()) if len(lengths) else 0
        filled = np.arange(depth) < lengths[:, None]  # [R, D]
        clusters = np.full((frame.height, depth), NO_CLUSTER, dtype=np.int32)
        clusters[filled] = _values(frame["novel_clusters"])
        scores = np.full((frame.height, depth), -np.inf, dtype=np.float32)
        scores[filled] = _values(frame["scores"])
        members = [ClusterContext.parse(key).members for key in frame["context_key"].to_list()]
        ends = np.array([(m[0], m[-1]) for m in members], dtype=np.int64).reshape(-1, 2)
        known = (ends < n_clusters).all() and (clusters < n_clusters).all()
        if not known or (clusters[filled] < 0).any():
            raise UserError(TABLE, f"names clusters 0 to {n_clusters - 1}", REMEDY)
        row_of_context = np.full((n_clusters, n_clusters), NO_ROW, dtype=np.int32)
        row_of_context[ends[:, 0], ends[:, 1]] = row_of_context[ends[:, 1], ends[:, 0]] = np.arange(
            frame.height
        )
        return cls(row_of_context, clusters, scores)

    def row(self, context: ClusterContext) -> TableRow | None:
        """Return one row without its padding, ``None`` where the table has none."""
        row = self.row_of_context[context.members[0], context.members[-1]]
        if row == NO_ROW:
            return None
        filled = self.clusters[row] != NO_CLUSTER
        return TableRow(self.clusters[row][filled].astype(np.int64), self.scores[row][filled])


def _values(lists: pl.Series) -> NDArray[np.generic]:
    """Return the values of all lists, one after another; empty lists give none."""
    return lists.filter(lists.list.len() > 0).explode().to_numpy()
