"""The table that pair counts fill: served by the same code as the planner's, and compared with it.

So a difference between the two is a difference between tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from expectations.contracts.values import NO_CLUSTER
from inference.evaluation.settings import EvaluationSettings
from inference.search.config import TableConfig
from inference.search.ranking import RankEverything, families_of
from inference.table.plan_table import PlanTable
from inference.table.table import fill_table
from training.baselines.clusters.pair_counts import PairCounts, count_pairs
from training.baselines.clusters.window import Window

NO_TIME = datetime(1970, 1, 1)
COUNTS_BATCH_ROWS = 1024
"""Counts need no forward pass, so the bound of the planner's memory on a batch is not theirs."""


def tabulate_counts(counts: PairCounts, families: Sequence[int], config: TableConfig) -> PlanTable:
    """Return the table that pair counts fill, with rows as long as the planner's.

    ``families`` is of each cluster, see :func:`~inference.search.ranking.families_of`.
    """
    n_clusters = len(counts.popularity)
    large = config.model_copy(update={"batch_rows": COUNTS_BATCH_ROWS})
    ranker = RankEverything(counts, families, large)
    frame = fill_table(ranker, n_clusters, NO_TIME, large, "pair counts")
    return PlanTable.from_frame(frame, n_clusters)


def tabulate_pair_counts(
    window: Window, priors: Sequence[float], settings: EvaluationSettings
) -> Iterator[PlanTable]:
    """Yield the tables that pair counts of the window's visits fill, one for each back-off."""
    counts = count_pairs(window.visits, settings.evaluation.pair_window, priors[0])
    families = families_of(window.ancestors)
    return (tabulate_counts(counts.with_prior(prior), families, settings.table) for prior in priors)


def share_in_common(ours: PlanTable, theirs: PlanTable, k: int) -> float:
    """Return the mean share of each row's first ``k`` clusters that the other table has too."""
    first, second = (
        ours.clusters[:, :k],
        theirs.clusters[:, :k],
    )  # [R, k], rows in all_contexts order
    common = (first[:, :, None] == second[:, None, :]).any(axis=2)  # [R, k]
    return float(common[first != NO_CLUSTER].mean())
