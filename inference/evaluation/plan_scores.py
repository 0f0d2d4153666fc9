"""What a table's plans score, as the baselines do: every cluster of every case, in one array."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from expectations.contracts.values import NO_CLUSTER
from inference.plans.combine import plan_batch
from inference.plans.config import PlanConfig
from inference.plans.deal import place_clusters
from inference.table.plan_table import PlanTable
from training.alignment.reference_plans import NOBODY
from training.clusters.distance import Ancestors
from training.evaluation.clusters.cases import PlannerCases, Ranking, Scores


def score_served(
    table: PlanTable, cases: PlannerCases, ancestors: Ancestors, plan: PlanConfig
) -> Scores:
    """Return the scores of every case's plan, [B, N], before alignment: the rest has none."""
    by_score = plan.model_copy(update={"mix": None})  # every cluster is asked for, in any order
    planned = plan_batch(
        cases.histories, cases.consumed, table, ancestors, by_score, table.n_clusters, NOBODY
    )
    scores = np.full((len(cases), table.n_clusters + 1), -np.inf)  # NO_CLUSTER is the last column
    np.put_along_axis(scores, planned.clusters, planned.scores, axis=1)
    return scores[:, :-1]


def score_newest(
    table: PlanTable, cases: PlannerCases, ancestors: Ancestors, plan: PlanConfig
) -> Scores:
    """Return the scores, [B, N], of the row of each case's newest context alone."""
    return score_served(table, cases, ancestors, plan.model_copy(update={"max_history": 2}))


def rank_cases(
    scores: Scores,
    distances: NDArray[np.int8],
    plan: PlanConfig,
    depth: int,
    mixes: NDArray[np.float64] | None = None,
) -> list[Ranking]:
    """Return what stands at each place of every case's plan, ``depth`` of them at most.

    Whoever scored the clusters, places are given out as ``plan`` says, by score or by a mix, or by
    the ``mixes`` of each case.
    """
    places = place_clusters(scores, distances, plan, depth, mixes)
    return [[cluster for cluster in row if cluster != NO_CLUSTER] for row in places.tolist()]
