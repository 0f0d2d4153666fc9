"""What ``metrics/planner.json`` holds: every contender on the same cases, and the table's breadth.

Names are ``{figure}_{contender}``; beside a figure over cases stand its ends, ``_low`` and
``_high``, a 95% interval over users. Figures of validation, on which settings are chosen, begin
with ``validation_``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np

from inference.planning.contenders import (
    AS_SERVED,
    EASE,
    PAIR_COUNTS,
    PLANNER_ALONE,
    POPULARITY,
    BaselineSettings,
    share_common_places,
)
from inference.planning.plan_table import PlanTable
from training.evaluation.cases import PlannerCases, Ranking
from training.evaluation.compare import compare_segments, measure_exposure
from training.evaluation.matches import MatchFigures
from training.metrics import DECIMALS, Interval

AGAINST = (
    (AS_SERVED, PAIR_COUNTS),
    (AS_SERVED, EASE),
    (AS_SERVED, POPULARITY),
    (AS_SERVED, PLANNER_ALONE),
)
COMMON_PLACES = 10


def describe_cases(
    cases: PlannerCases,
    rankings: Mapping[str, Sequence[Ranking]],
    intervals: Mapping[str, Interval],
    prefix: str = "",
) -> dict[str, float]:
    """Return counts, accuracy and differences over one split's cases."""
    figures: dict[str, float] = {
        f"{prefix}n_cases": len(cases),
        f"{prefix}n_users": len(set(cases.users)),
        f"{prefix}n_cases_without_plan": sum(not ranked for ranked in rankings[AS_SERVED]),
    }
    for name, interval in intervals.items():
        figures |= interval.named(prefix + name)
    return figures


def describe_plans(
    cases: PlannerCases,
    rankings: Mapping[str, Sequence[Ranking]],
    n_clusters: int,
    rng: np.random.Generator,
    resamples: int,
) -> dict[str, float]:
    """Return recall by user activity, and how evenly each contender's plans expose clusters."""
    segments = compare_segments(rankings, cases, rng, resamples)
    return {**segments, **measure_exposure(rankings, n_clusters)}


def describe_tables(
    table: PlanTable, counts: PlanTable, matches: MatchFigures, settings: BaselineSettings
) -> dict[str, float]:
    """Return match rate, breadth and self-transitions over all rows, beside pair counts' table."""
    breadth = {"table": table.rankings(), "table_of_pair_counts": counts.rankings()}
    common = share_common_places(table, counts, COMMON_PLACES)
    return {
        **{name: _rounded(value) for name, value in asdict(matches).items()},
        **measure_exposure(breadth, table.n_clusters),
        "n_clusters": table.n_clusters,
        "n_rows_table": len(table.clusters),
        "self_transition_rate": _rounded(float(table.proposes_members().mean())),
        f"share_of_top_{COMMON_PLACES}_in_pair_counts": _rounded(common),
        "chosen_pair_prior": settings.pair_prior,
        "chosen_ease_penalty": settings.ease_penalty,
    }


def _rounded(value: float) -> float:
    return round(value, DECIMALS)
