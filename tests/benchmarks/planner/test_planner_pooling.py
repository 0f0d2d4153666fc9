"""What several origins, clusterings and seeds give a user is one evaluation of that user."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from benchmarks.planner.contest import Outcome
from benchmarks.planner.pooling import average_within_users, compare_outcomes, to_figures
from benchmarks.planner.runs import PlannerRun
from benchmarks.planner.tables import show_contenders, show_differences, show_runs
from expectations.contracts.errors import UserError
from inference.evaluation.contenders import (
    AS_SERVED,
    BEST_BASELINE,
    COLLECTIVE,
    PAIR_COUNTS_ALIGNED,
    PLANNER_ALONE,
    STACK,
    STACK_WITH_PLANNER,
    UNALIGNED,
)
from training.evaluation.clusters.compare import METRICS

COUNTS = "pair_counts"
CONTENDERS = (
    *(AS_SERVED, UNALIGNED, PLANNER_ALONE, COLLECTIVE, COUNTS, PAIR_COUNTS_ALIGNED),
    *(STACK, STACK_WITH_PLANNER, BEST_BASELINE),
)
BREADTH = (
    *("coverage_at_1", "coverage_at_5", "gini", "entropy_bits", "least_tenth_share"),
    "top1_largest_share",
)


def outcome(
    users: Sequence[str],
    served: Sequence[float],
    counts: Sequence[float],
    origin: str | None = None,
    seed: int = 0,
) -> Outcome:
    """One run: every metric of a case is the number given; all others do as the counts do."""
    of = {name: counts for name in CONTENDERS} | {AS_SERVED: served}
    cases = {
        name: dict.fromkeys(METRICS, np.array(values, dtype=float)) for name, values in of.items()
    }
    breadth = {f"{figure}_{name}": 0.5 for figure in BREADTH for name in (*CONTENDERS, "table")}
    run = PlannerRun(origin, 7, seed, Path("nowhere"))
    return Outcome(run, tuple(users), cases, {**breadth, "match_rate": 1.0}, (COUNTS,), COUNTS)


def test_a_user_counts_once_however_many_origins_and_seeds_met_them() -> None:
    outcomes = [
        outcome(["ann", "ann", "ben"], [1, 0, 0], [0, 0, 0], "2000-01-01T00:00:00", seed)
        for seed in (0, 1)
    ]
    outcomes.append(outcome(["ben", "cat"], [1, 0.25], [0.5, 0], "2001-01-01T00:00:00"))
    intervals = compare_outcomes(outcomes)
    # ann: two cases twice over, mean 1/2; ben: 0, 0 and 1, mean 1/3; cat: 1/4
    served = intervals["recall_at_10_as_served"]
    assert served.mean == pytest.approx((1 / 2 + 1 / 3 + 1 / 4) / 3)
    assert served.n_users == 3
    assert intervals["mrr_pair_counts"].mean == pytest.approx((0 + 0.5 / 3 + 0) / 3)
    difference = intervals["recall_at_10_as_served_minus_pair_counts"]
    assert difference.mean == pytest.approx((1 / 2 + 1 / 6 + 1 / 4) / 3)
    assert intervals["recall_at_10_as_served_minus_best_baseline"] == difference
    assert intervals["recall_at_10_stack_with_planner_minus_stack"].mean == 0


def test_the_same_cases_again_make_no_interval_narrower() -> None:
    rng = np.random.default_rng(0)
    users = [f"u{number}" for number in range(40)]
    served, counts = rng.random(40).tolist(), rng.random(40).tolist()
    once = compare_outcomes([outcome(users, served, counts)])
    often = compare_outcomes([outcome(users, served, counts, seed=seed) for seed in range(5)])
    name = "recall_at_10_as_served_minus_pair_counts"
    assert often[name].mean == pytest.approx(once[name].mean)
    assert (often[name].low, often[name].high) == pytest.approx((once[name].low, once[name].high))
    # a fifth of the users who each come five times are no better known than they were
    few = [users[number // 5] for number in range(40)]
    by_user = compare_outcomes([outcome(few, served, counts)])
    assert by_user[name].n_users == 8
    width, narrow = (each.high - each.low for each in (by_user[name], once[name]))
    # the mean of five has a fifth of the variance, eight users a fifth of forty: as wide, about
    assert 0.5 < width / narrow < 2


def test_nobody_to_ask_is_said() -> None:
    with pytest.raises(UserError, match="hold a case"):
        compare_outcomes([outcome([], [], [])])


def test_each_run_stands_in_the_table_and_in_the_file_with_its_cases_and_users() -> None:
    outcomes = [
        outcome(["ann", "ann", "ben"], [1, 0, 0.5], [0, 0, 0.75], "2000-01-01T00:00:00"),
        outcome(["cat"], [0.125], [1]),
    ]
    rows = [line.strip("| ").split(" | ") for line in show_runs(outcomes).splitlines()]
    assert rows[0][:3] == ["run", "cases", "users"]
    first, second = rows[2:]
    assert first[:7] == [
        *("from 2000-01-01, clustering 7, seed 0", "3", "2", "0.5000", "0.2500", "0.2500", COUNTS),
    ]
    assert second[:5] == ["clustering 7, seed 0", "1", "1", "0.1250", "1.0000"]
    figures = to_figures(outcomes, compare_outcomes(outcomes))
    runs = figures["runs"]
    assert isinstance(runs, dict)
    of_first = runs["from 2000-01-01, clustering 7, seed 0"]
    assert (of_first["n_cases"], of_first["n_users"]) == (3, 2)
    assert of_first["recall_at_10_as_served"] == 0.5


def test_tables_show_the_pooled_means() -> None:
    outcomes = [outcome(["ann", "ben"], [1, 0], [0, 0])]
    intervals = compare_outcomes(outcomes)
    contenders = show_contenders(intervals, [each.breadth for each in outcomes])
    assert "| as_served | 0.5000 [0.0000, 1.0000] |" in contenders
    assert "| pair_counts | 0.0000 [0.0000, 0.0000] |" in contenders
    assert "| as_served − pair_counts | +0.5000 [" in show_differences(intervals)


def test_what_several_runs_say_of_a_user_is_averaged_before_users_are() -> None:
    # bob is in one run, ann in two with three cases: each user counts once
    figures = np.array([[1.0, 0.0], [0.0, 0.0], [0.5, 3.0], [0.2, 6.0]])
    averaged, users = average_within_users(figures, ["ann", "ann", "ann", "bob"])
    assert users == ["ann", "bob"]
    assert averaged == pytest.approx(np.array([[0.5, 1.0], [0.2, 6.0]]))
