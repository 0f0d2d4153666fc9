"""All that proposes novel clusters, put to the same cases: the planner's table and its baselines.

Pair counts fill a table of their own and are served by the same code as the planner's, so that a
difference between the two is a difference between tables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from inference.planning.combine import plan_batch
from inference.planning.config import PlanConfig, TableConfig
from inference.planning.plan_table import NO_CLUSTER, PlanTable
from inference.planning.ranking import RankEverything
from inference.planning.table import fill_table
from training.baselines.ease import fit_ease, score_ease
from training.baselines.pair_counts import PairCounts, count_pairs
from training.baselines.popularity import count_novel_likes
from training.baselines.visits import Visits
from training.evaluation.cases import PlannerCases, Ranking
from training.evaluation.compare import measure_cases
from training.evaluation.config import EvaluationConfig

AS_SERVED = "as_served"
PLANNER_ALONE = "planner_alone"
PAIR_COUNTS = "pair_counts"
PAIR_COUNTS_ALONE = "pair_counts_alone"
EASE = "ease"
POPULARITY = "popularity"

NO_TIME = datetime(1970, 1, 1)
ROWS_OF_COUNTS = 1024
RECALL_AT_10 = 2  # its column in measure_cases


@dataclass(frozen=True)
class BaselineSettings:
    """What was chosen on validation: strength of the back-off, L2 weight of EASE."""

    pair_prior: float
    ease_penalty: float


@dataclass(frozen=True)
class Baselines:
    """Cluster-level baselines, fitted: their table, EASE weights [N, N], popularity [N]."""

    pair_counts: PlanTable
    ease: NDArray[np.float64]
    popularity: NDArray[np.int64]


def choose_settings(
    visits: Visits,
    validation: PlannerCases,
    evaluation: EvaluationConfig,
    table: TableConfig,
    plan: PlanConfig,
) -> BaselineSettings:
    """Return the settings with the best recall@10 on ``validation``, the first of equals.

    ``visits`` end where validation starts. Without cases the first settings are taken.
    """
    counts = count_pairs(visits, evaluation.pair_window, evaluation.pair_priors[0])

    def rank_by_counts(prior: float) -> list[Ranking]:
        return serve(tabulate_counts(counts.with_prior(prior), table), validation, plan, 10)

    def rank_by_ease(penalty: float) -> list[Ranking]:
        scores = score_ease(fit_ease(visits, penalty), validation.consumed)
        return validation.drop_consumed(scores, 10)

    return BaselineSettings(
        pair_prior=_best(evaluation.pair_priors, rank_by_counts, validation),
        ease_penalty=_best(evaluation.ease_penalties, rank_by_ease, validation),
    )


def fit_baselines(
    visits: Visits, settings: BaselineSettings, evaluation: EvaluationConfig, table: TableConfig
) -> Baselines:
    """Fit every baseline on ``visits``, which end where the cases to be ranked begin."""
    counts = count_pairs(visits, evaluation.pair_window, settings.pair_prior)
    return Baselines(
        pair_counts=tabulate_counts(counts, table),
        ease=fit_ease(visits, settings.ease_penalty),
        popularity=count_novel_likes(visits),
    )


def rank_contenders(
    table: PlanTable, baselines: Baselines, cases: PlannerCases, plan: PlanConfig
) -> dict[str, list[Ranking]]:
    """Return every contender's ranking of novel clusters for every case, to the table's depth.

    ``planner_alone`` and ``pair_counts_alone`` read the row of the newest pair only.
    """
    depth = table.clusters.shape[1]
    newest = plan.model_copy(update={"max_history": 2})
    ease = score_ease(baselines.ease, cases.consumed)
    return {
        AS_SERVED: serve(table, cases, plan, depth),
        PLANNER_ALONE: serve(table, cases, newest, depth),
        PAIR_COUNTS: serve(baselines.pair_counts, cases, plan, depth),
        PAIR_COUNTS_ALONE: serve(baselines.pair_counts, cases, newest, depth),
        EASE: cases.drop_consumed(ease, depth),
        POPULARITY: cases.drop_consumed(baselines.popularity.astype(np.float64), depth),
    }


def serve(table: PlanTable, cases: PlannerCases, plan: PlanConfig, depth: int) -> list[Ranking]:
    """Return the served plan of every case."""
    return plan_batch(cases.histories, cases.consumed, table, plan, depth).rankings()


def tabulate_counts(counts: PairCounts, config: TableConfig) -> PlanTable:
    """Return the table that pair counts fill, to the depth of the planner's."""
    n_clusters = len(counts.popularity)
    large = config.model_copy(update={"batch_rows": ROWS_OF_COUNTS})
    frame = fill_table(RankEverything(counts, large), n_clusters, NO_TIME, large, "pair counts")
    return PlanTable.from_frame(frame, n_clusters)


def share_common_places(ours: PlanTable, theirs: PlanTable, k: int) -> float:
    """Return the mean share of each row's first ``k`` clusters that the other table has too."""
    first, second = ours.clusters[:, :k], theirs.clusters[:, :k]  # [R, k], rows in all_pairs order
    common = (first[:, :, None] == second[:, None, :]).any(axis=2)  # [R, k]
    return float(common[first != NO_CLUSTER].mean())


def _best(
    values: tuple[float, ...], rank: Callable[[float], list[Ranking]], cases: PlannerCases
) -> float:
    if len(cases) == 0 or len(values) == 1:
        return values[0]
    recalls = [measure_cases(rank(value), cases)[:, RECALL_AT_10].mean() for value in values]
    return values[int(np.argmax(recalls))]
