"""Describes a finished novel-cluster table in figures: whether it is whole, valid and broad."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from expectations.contracts.values import NO_CLUSTER
from inference.search.config import TableConfig
from inference.search.ranking import depth_of_family, row_depth
from inference.table.plan_table import NO_ROW, PlanTable
from inference.table.table import n_rows
from training.evaluation.metrics import (
    coverage_at_k,
    entropy,
    exposure_at_k,
    gini,
    least_exposed_share,
)


@dataclass(frozen=True)
class TableFigures:
    """What ``metrics/table.json`` holds.

    Attributes:
        rows: rows that are there.
        rows_expected: rows of a whole table.
        completeness: share of the contexts that have a row.
        valid_rows: rows with known clusters of which none is a member or repeated, sorted by
            score, that hold all of the best and of every family that they should, and no more.
        valid_share: of the rows that are there.
        n_clusters: clusters at the serving level.
        coverage_at_1: share of clusters that are first in some row.
        coverage_at_5: share of clusters in the first five ranks of some row.
        top1_gini: of how often each cluster is first.
        top1_entropy_bits: of the same; log2(n_clusters) at most.
        top1_largest_share: share of the rows in which the most frequent first cluster is first.
        top5_least_tenth_share: share of all first five ranks that the least shown tenth gets.
        top1_score_median: log-score of the first rank in the middle row: how sure the planner is.
    """

    rows: int
    rows_expected: int
    completeness: float
    valid_rows: int
    valid_share: float
    n_clusters: int
    coverage_at_1: float
    coverage_at_5: float
    top1_gini: float
    top1_entropy_bits: float
    top1_largest_share: float
    top5_least_tenth_share: float
    top1_score_median: float


def describe_table(
    frame: pl.DataFrame, families: Sequence[int], config: TableConfig
) -> TableFigures:
    """Return the figures of NOVEL_CLUSTER_TABLE; see :class:`TableFigures`.

    ``families`` is of each cluster, see :func:`~inference.search.ranking.families_of`.
    """
    n_clusters = len(families)
    table = PlanTable.from_frame(frame, n_clusters)
    valid = int(_valid_rows(table, families, config).sum())
    shown = table.rankings()
    top1, top5 = (exposure_at_k(shown, n_clusters, k) for k in (1, 5))
    contexts_with_row = int(np.triu(table.row_of_context != NO_ROW).sum())
    return TableFigures(
        rows=frame.height,
        rows_expected=n_rows(n_clusters),
        completeness=contexts_with_row / n_rows(n_clusters),
        valid_rows=valid,
        valid_share=valid / frame.height,
        n_clusters=n_clusters,
        coverage_at_1=coverage_at_k(shown, n_clusters, 1),
        coverage_at_5=coverage_at_k(shown, n_clusters, 5),
        top1_gini=gini(top1),
        top1_entropy_bits=entropy(top1),
        top1_largest_share=float(top1.max() / max(top1.sum(), 1)),
        top5_least_tenth_share=least_exposed_share(top5),
        top1_score_median=float(np.median(table.scores[:, 0])),
    )


def measure_certificates(rows: pl.DataFrame) -> dict[str, float | None]:
    """Return how many of these rows (``ROWS_SCHEMA``) are proven, and the worst that is not.

    ``largest_error_bound`` is ``None`` where nothing bounds the error of some row.
    """
    bounds = rows["error_bound"].to_numpy()
    worst = float(bounds.max())
    return {
        "certified_rows": int((bounds == 0).sum()),
        "certified_share": float((bounds == 0).mean()),
        "largest_error_bound": worst if np.isfinite(worst) else None,
    }


def _valid_rows(
    table: PlanTable, families: Sequence[int], config: TableConfig
) -> NDArray[np.bool_]:
    """Return for each row whether it keeps every rule, [R]."""
    listed = table.clusters != NO_CLUSTER  # [R, D]
    padding = -1 - np.arange(listed.shape[1])  # differs from rank to rank: no repetition
    ordered = np.sort(np.where(listed, table.clusters, padding), axis=1)
    repeats = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)  # [R]
    rises = (table.scores[:, 1:] > table.scores[:, :-1]).any(axis=1)  # [R]
    whole = _are_whole(table, listed, families, config)
    return np.asarray(~table.proposes_members() & ~repeats & ~rises & whole)


def _are_whole(
    table: PlanTable, listed: NDArray[np.bool_], families: Sequence[int], config: TableConfig
) -> NDArray[np.bool_]:
    """Return for each row whether it holds what it should and no more, [R]."""
    members = table.members()  # [R, 2], a single cluster twice
    is_pair = members[:, 0] != members[:, 1]  # [R]
    sizes = [row_depth(table.n_clusters, size, config) for size in (1, 2)]
    depths = np.where(is_pair, sizes[1], sizes[0])  # [R]
    per_family = depth_of_family(table.n_clusters, config)
    if not per_family:
        return np.asarray(listed.sum(axis=1) == depths)
    whole = listed.sum(axis=1) >= depths
    of_family = np.array([*families, -1])  # NO_CLUSTER looks up the last
    found = of_family[table.clusters]  # [R, D]
    is_further = np.arange(listed.shape[1]) >= depths[:, None]  # [R, D], than the best of all
    for family in np.unique(families):
        is_member = of_family[members] == family  # [R, 2]
        n_members = is_member[:, 0].astype(int) + (is_pair & is_member[:, 1])  # [R]
        wanted = np.minimum(per_family, (of_family == family).sum() - n_members)
        is_of = found == family  # [R, D]
        n_found = is_of.sum(axis=1)
        n_further = (is_of & is_further).sum(axis=1)
        whole &= np.where(n_further > 0, n_found == wanted, n_found >= wanted)
    return np.asarray(whole)
