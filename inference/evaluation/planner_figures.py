"""What ``metrics/planner.json`` holds: contenders on the same cases, and what the table exposes.

Names are ``{figure}_{contender}``; beside a figure over cases stand its ends, ``_low`` and
``_high``, a 95% interval over users. Figures of validation, on which settings are chosen, begin
with ``validation_``; there each case is stacked by weights that other users' cases gave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np

from inference.evaluation.baseline_choice import PAIR_COUNTS, ChosenBaselines
from inference.evaluation.contenders import (
    AS_SERVED,
    BEST_BASELINE,
    COLLECTIVE,
    PAIR_COUNTS_ALIGNED,
    PLANNER_ALONE,
    STACK,
    STACK_WITH_PLANNER,
    UNALIGNED,
    ValidationFit,
)
from inference.evaluation.counts_table import share_in_common
from inference.table.plan_table import PlanTable
from training.evaluation.clusters.cases import PlannerCases, Ranking
from training.evaluation.clusters.compare import compare_segments, measure_exposure
from training.evaluation.clusters.matches import MatchFigures
from training.evaluation.metrics import DECIMALS, Interval

COMPARED_DEPTH = 10
"""As deep as recall@10, by which contenders are compared."""


def list_differences(baselines: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return which contenders' differences are wanted: ours first, then against what."""
    theirs = (
        *baselines,
        PAIR_COUNTS_ALIGNED,
        BEST_BASELINE,
        COLLECTIVE,
        UNALIGNED,
        PLANNER_ALONE,
    )
    ours = ((AS_SERVED, name) for name in theirs)
    return (*ours, (UNALIGNED, PAIR_COUNTS), (STACK_WITH_PLANNER, STACK))


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


def describe_choices(chosen: ChosenBaselines, fit: ValidationFit) -> dict[str, float]:
    """Return what was chosen on validation: settings, the best baseline, weights of the stacks."""
    stacks = {STACK: fit.stack, STACK_WITH_PLANNER: fit.stack_with_planner}
    return {
        **{f"chosen_setting_{name}": value for name, value in chosen.settings.items()},
        **{f"is_best_baseline_{name}": float(name == fit.best_baseline) for name in chosen.scores},
        **{
            f"weight_in_{stack}_{member}": _rounded(float(weight))
            for stack, fitted in stacks.items()
            for member, weight in zip(fitted.members, fitted.weights, strict=True)
        },
    }


def describe_tables(table: PlanTable, counts: PlanTable, matches: MatchFigures) -> dict[str, float]:
    """Return match rate, exposure and self-transitions over all rows, beside pair counts' table."""
    rankings = {"table": table.rankings(), "table_of_pair_counts": counts.rankings()}
    common = share_in_common(table, counts, COMPARED_DEPTH)
    return {
        **{name: _rounded(value) for name, value in asdict(matches).items()},
        **measure_exposure(rankings, table.n_clusters),
        "n_clusters": table.n_clusters,
        "n_rows_table": len(table.clusters),
        "self_transition_rate": _rounded(float(table.proposes_members().mean())),
        f"share_of_top_{COMPARED_DEPTH}_in_pair_counts": _rounded(common),
    }


def _rounded(value: float) -> float:
    return round(value, DECIMALS)
