"""Pools what all runs of ``benchmarks.planner.compare`` give a user; users are the unit.

A user may have cases at several origins, and each of them once for every clustering and seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.planner.contest import Outcome
from expectations.contracts.errors import UserError
from inference.evaluation.planner_figures import list_differences
from training.evaluation.clusters.compare import (
    METRICS,
    add_differences,
    flatten_figures,
)
from training.evaluation.metrics import DECIMALS, Interval, bootstrap_intervals

BOOTSTRAP_SEED = 0
RESAMPLES = 2000


def compare_outcomes(outcomes: Sequence[Outcome]) -> dict[str, Interval]:
    """Return intervals over users of every contender's figures and of the differences wanted.

    All rows of a user are averaged first: more runs or origins do not make more users.

    Raises:
        UserError: no run has a case.
    """
    users = [user for outcome in outcomes for user in outcome.users]
    if not users:
        raise UserError("the windows", "hold a case", "choose wider ones, or more data")
    pooled = {
        name: {
            metric: np.concatenate([outcome.cases[name][metric] for outcome in outcomes])
            for metric in METRICS
        }
        for name in outcomes[0].cases
    }
    differences = list_differences(outcomes[0].baselines)
    columns = flatten_figures(add_differences(pooled, differences))
    of_users, names = average_within_users(np.column_stack(list(columns.values())), users)
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    intervals = bootstrap_intervals(of_users, names, rng, RESAMPLES)
    return dict(zip(columns, intervals, strict=True))


def to_figures(outcomes: Sequence[Outcome], intervals: Mapping[str, Interval]) -> dict[str, object]:
    """Return all figures, of the runs together and of each alone, for a JSON file."""
    together: dict[str, float] = {}
    for name, interval in intervals.items():
        together |= interval.named(name)
    alone: dict[str, dict[str, float]] = {
        outcome.run.name: {
            "n_cases": len(outcome.users),
            "n_users": len(set(outcome.users)),
            **outcome.breadth,
            **{
                name: round(float(values.mean()), DECIMALS)
                for name, values in flatten_figures(outcome.cases).items()
            },
        }
        for outcome in outcomes
    }
    return {"together": together, "runs": alone}


def average_within_users(
    figures: NDArray[np.float64], users: Sequence[str]
) -> tuple[NDArray[np.float64], list[str]]:
    """Return each user's mean over all their rows, [users, columns], and the users, ascending.

    So that runs on several clusterings count as one evaluation of each user, not as more users.

    Args:
        figures: of cases, of any number of runs, [cases, columns].
        users: of each case.
    """
    names, index, counts = np.unique(users, return_inverse=True, return_counts=True)
    sums = np.zeros((len(names), figures.shape[1]))
    np.add.at(sums, index, figures)
    return sums / counts[:, None], names.tolist()
