"""The table that pair counts fill: served by the same code as the planner's, and compared with it.

So a difference between the two is a difference between tables.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np

from expectations.contracts.values import NO_CLUSTER
from inference.plans.combine import plan_batch
from inference.plans.config import PlanConfig
from inference.search.config import TableConfig
from inference.search.ranking import RankEverything
from inference.table.plan_table import PlanTable
from inference.table.table import fill_table
from training.baselines.clusters.pair_counts import PairCounts
from training.evaluation.clusters.cases import PlannerCases, Scores

NO_TIME = datetime(1970, 1, 1)
ROWS_OF_COUNTS = 1024


def tabulate_counts(counts: PairCounts, config: TableConfig) -> PlanTable:
    """Return the table that pair counts fill, to the depth of the planner's."""
    n_clusters = len(counts.popularity)
    large = config.model_copy(update={"batch_rows": ROWS_OF_COUNTS})
    frame = fill_table(RankEverything(counts, large), n_clusters, NO_TIME, large, "pair counts")
    return PlanTable.from_frame(frame, n_clusters)


def score_served(table: PlanTable, cases: PlannerCases, plan: PlanConfig) -> Scores:
    """Return the scores of every case's plan, [B, N], before alignment: the rest has none."""
    planned = plan_batch(cases.histories, cases.consumed, table, plan, table.n_clusters)
    scores = np.full((len(cases), table.n_clusters + 1), -np.inf)  # NO_CLUSTER is the last column
    np.put_along_axis(scores, planned.clusters, planned.scores, axis=1)
    return scores[:, :-1]


def score_newest(table: PlanTable, cases: PlannerCases, plan: PlanConfig) -> Scores:
    """Return the scores, [B, N], of the row of each case's newest pair alone."""
    return score_served(table, cases, plan.model_copy(update={"max_history": 2}))


def share_common_places(ours: PlanTable, theirs: PlanTable, k: int) -> float:
    """Return the mean share of each row's first ``k`` clusters that the other table has too."""
    first, second = ours.clusters[:, :k], theirs.clusters[:, :k]  # [R, k], rows in all_pairs order
    common = (first[:, :, None] == second[:, None, :]).any(axis=2)  # [R, k]
    return float(common[first != NO_CLUSTER].mean())
