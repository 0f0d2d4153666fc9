"""The benchmark by distance, on the house whose right answers are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.planner.contest import gather_field
from benchmarks.planner.dealt import (
    AS_LIKED,
    BY_SCORE,
    CHANCE,
    FIXED_MIXES,
    MINUS,
    TURNS,
    DistanceOutcome,
    measure_distances,
    pool_outcomes,
)
from benchmarks.planner.distance import (
    DEALT,
    contenders_of,
    show_curve,
    show_dealt,
    show_exposure,
    show_mixes,
    show_recall,
    show_shares,
)
from benchmarks.planner.runs import PlannerRun
from inference.evaluation.contenders import AS_SERVED
from tests.worlds.evaluation import N
from training.clusters.distance import climb

TREE = climb([np.array([0, 0]), np.arange(N) // 4], N)
"""Two families in one field: a neighbour on the circle is next door or in the other family."""


@pytest.fixture(scope="module")
def outcome(house: Path) -> DistanceOutcome:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(house)
        field = gather_field("test")
        climbed = replace(field, clusters=replace(field.clusters, ancestors=TREE))
        return measure_distances(PlannerRun(None, 0, 0, Path()), climbed)


def test_the_planted_answer_is_found_at_every_distance_it_has(outcome: DistanceOutcome) -> None:
    intervals = pool_outcomes([outcome])
    # walks from 1 and 5 stay in a family, as do 0 and 4: the fourth of those is the family's last
    for apart, users in (("adjacent", 60), ("new_family", 20)):
        assert intervals[f"recall_at_1_within_{apart}", BY_SCORE, AS_SERVED].mean == 1
        assert intervals[f"recall_at_1_within_{apart}", BY_SCORE, AS_SERVED].n_users == users
    assert ("recall_at_1_new_field", BY_SCORE, AS_SERVED) not in intervals
    liked = [getattr(outcome.mix, name) for name in ("adjacent", "new_family", "new_field")]
    assert liked == pytest.approx([(n + 1 / 3) / 81 for n in (60, 20, 0)])  # one case likes all
    assert intervals["share_liked_adjacent", "", ""].mean == 0.75
    for way in (*DEALT, *TURNS):
        assert intervals["recall_at_10", way, AS_SERVED].mean == 1
        assert intervals["recall_at_10", way, f"{AS_SERVED}{MINUS}{CHANCE}"].mean == 0


def test_what_a_user_gets_in_many_runs_is_averaged_first(outcome: DistanceOutcome) -> None:
    once, twice = (pool_outcomes([outcome] * times) for times in (1, 2))
    assert once == {key: replace(each, n_cases=each.n_cases) for key, each in twice.items()}


def test_every_contender_stands_in_every_table(outcome: DistanceOutcome) -> None:
    intervals = pool_outcomes([outcome])
    names = contenders_of(intervals)
    assert {AS_SERVED, CHANCE, "words", "popularity", "ease"} <= set(names)
    shown = [
        show_shares(intervals),
        show_recall(intervals, ""),
        show_recall(intervals, "within_"),
        *(show_dealt(intervals, way) for way in (BY_SCORE, AS_LIKED, *FIXED_MIXES)),
    ]
    for text in shown:
        rows = [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines()]
        assert set(names) <= set(rows)
    assert all(name in show_curve(intervals) for name in names)
    assert all(name in show_exposure([outcome]) for name in names)
    assert "0.745" in show_mixes([outcome])
