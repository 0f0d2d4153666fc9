"""What a table's plans score, as the baselines do: every cluster of every case, in one array."""

from __future__ import annotations

import numpy as np

from inference.plans.combine import plan_batch
from inference.plans.config import PlanConfig
from inference.table.plan_table import PlanTable
from training.evaluation.clusters.cases import PlannerCases, Scores


def score_served(table: PlanTable, cases: PlannerCases, plan: PlanConfig) -> Scores:
    """Return the scores of every case's plan, [B, N], before alignment: the rest has none."""
    planned = plan_batch(cases.histories, cases.consumed, table, plan, table.n_clusters)
    scores = np.full((len(cases), table.n_clusters + 1), -np.inf)  # NO_CLUSTER is the last column
    np.put_along_axis(scores, planned.clusters, planned.scores, axis=1)
    return scores[:, :-1]


def score_newest(table: PlanTable, cases: PlannerCases, plan: PlanConfig) -> Scores:
    """Return the scores, [B, N], of the row of each case's newest context alone."""
    return score_served(table, cases, plan.model_copy(update={"max_history": 2}))
