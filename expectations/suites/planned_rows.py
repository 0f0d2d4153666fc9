"""What the rows of the novel-cluster table must be: keyed once, finite, best first."""

from __future__ import annotations

import polars as pl

from expectations.contracts.tables import NOVEL_CLUSTER_TABLE
from expectations.suites.tally import RowCount, declared_counts

REMEDY = "this is a fault of the table stage: report it"


def planned_row_suite(n_clusters: int) -> tuple[RowCount, ...]:
    """Return the rules on NOVEL_CLUSTER_TABLE over ``n_clusters`` clusters."""
    clusters, scores = pl.col("novel_clusters"), pl.col("scores")
    return (
        RowCount(
            "novel_cluster_table", "the table has rows", REMEDY, pl.lit(True), least=1, most=None
        ),
        *declared_counts(NOVEL_CLUSTER_TABLE),
        RowCount(
            "context_key", "a context stands once", REMEDY, pl.struct("context_key").is_duplicated()
        ),
        RowCount("novel_clusters", "a row plans something", REMEDY, clusters.list.len() == 0),
        RowCount(
            "novel_clusters",
            "planned clusters are among the clusters",
            REMEDY,
            (clusters.list.min() < 0) | (clusters.list.max() >= n_clusters),
        ),
        RowCount(
            "novel_clusters",
            "a row plans a cluster once",
            REMEDY,
            clusters.list.n_unique() != clusters.list.len(),
        ),
        RowCount(
            "scores",
            "every planned cluster has a score",
            REMEDY,
            clusters.list.len() != scores.list.len(),
        ),
        RowCount(
            "scores",
            "scores are numbers",
            REMEDY,
            ~scores.list.eval(pl.element().is_finite().fill_null(False)).list.all(),
        ),
        RowCount(
            "scores",
            "scores fall from rank to rank",
            REMEDY,
            scores.list.diff().list.max() > 0,
        ),
    )
