"""What curated transitions must be: enough to learn from, novel, of known clusters, in order."""

from __future__ import annotations

import polars as pl

from expectations.contracts.tables import TRANSITIONS
from expectations.contracts.values import HISTORY_SIZE
from expectations.suites.tally import RowCount, declared_counts

LEARNT_FROM = ("train", "validation")
MORE = "bring more data, widen the period (section split) or build more clusters"
FAULT = "look at how histories are built and joined: an example must see its past and no more"


def transition_suite(n_clusters: int) -> tuple[RowCount, ...]:
    """Return the rules on TRANSITIONS over ``n_clusters`` clusters."""
    split, target = pl.col("split"), pl.col("target_cluster")
    history, context = pl.col("history_clusters"), pl.col("context")
    user = pl.col("user_id")
    return (
        *(
            RowCount(
                "split",
                f"there are {name} transitions: some user with history takes to a new cluster",
                MORE,
                split == name,
                least=1,
                most=None,
            )
            for name in LEARNT_FROM
        ),
        *declared_counts(TRANSITIONS),
        RowCount(
            "user_id",
            "a user takes to a cluster once",
            FAULT,
            pl.struct(user, target).is_duplicated(),
        ),
        RowCount(
            "target_cluster",
            "the target is one of the clusters",
            FAULT,
            (target < 0) | (target >= n_clusters),
        ),
        RowCount(
            "target_cluster",
            "the target is novel: not among the history clusters",
            FAULT,
            history.list.contains(target),
        ),
        RowCount(
            "context",
            f"the context is 1 to {HISTORY_SIZE} clusters",
            FAULT,
            (context.list.len() < 1) | (context.list.len() > HISTORY_SIZE),
        ),
        RowCount(
            "context",
            "the context stands in ascending order",
            FAULT,
            context.list.sort() != context,
        ),
        RowCount(
            "context",
            "the context is taken from the history clusters",
            FAULT,
            context.list.set_difference(history).list.len() > 0,
        ),
    )
