"""Comparison on planted cases: who is right is known before."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from expectations.contracts.values import ClusterContext
from tests.worlds.evaluation import random_rankings
from training.evaluation.clusters.cases import PlannerCases
from training.evaluation.clusters.compare import (
    METRICS,
    compare_accuracy,
    compare_segments,
    measure_exposure,
    measure_rankings,
    tabulate_exposure,
    tabulate_recall,
)
from training.evaluation.clusters.matches import count_matches

N = 20


def make_cases(n_cases: int) -> PlannerCases:
    rng = np.random.default_rng(0)
    return PlannerCases(
        users=tuple(f"user{case // 2}" for case in range(n_cases)),
        histories=[[0] for _ in range(n_cases)],
        consumed=[list(range(1 + case % 6)) for case in range(n_cases)],
        positives=[
            frozenset(rng.permutation(N)[: 1 + case % 3].tolist()) for case in range(n_cases)
        ],
    )


CASES = make_cases(400)
RIGHT = [[*sorted(p), *(c for c in range(N) if c not in p)] for p in CASES.positives]
RANDOM = random_rankings(len(CASES), N, seed=1)


def test_the_right_answer_scores_one_and_chance_scores_its_share() -> None:
    intervals = compare_accuracy(
        {"right": RIGHT, "random": RANDOM},
        [("right", "random")],
        CASES,
        np.random.default_rng(0),
        200,
    )
    assert all(intervals[f"{metric}_right"].mean == 1 for metric in METRICS)
    chance = intervals["recall_at_10_random"]
    assert chance.low < 10 / N < chance.high  # any positive is in a random half
    difference = intervals["recall_at_10_right_minus_random"]
    assert difference.mean == pytest.approx(1 - chance.mean)
    assert difference.low > 0
    assert (chance.n_cases, chance.n_users) == (400, 200)


def test_segments_hold_every_case_once() -> None:
    segments = CASES.activity_segments()
    assert sorted(np.concatenate(list(segments.values())).tolist()) == list(range(len(CASES)))
    sizes = [max(len(CASES.consumed[case]) for case in cases) for cases in segments.values()]
    assert sizes == [2, 4, 6]
    figures = compare_segments({"right": RIGHT}, CASES, np.random.default_rng(0), 100)
    assert figures["recall_at_10_right_light"] == 1
    counts = [figures[f"n_cases_{name}"] for name in ("light", "middle", "heavy")]
    assert sum(counts) == len(CASES)


def test_users_all_alike_make_one_segment() -> None:
    alike = PlannerCases(("a", "b"), [[0], [0]], [[0], [1]], [frozenset([3]), frozenset([4])])
    assert list(alike.activity_segments()) == ["light"]


def test_exposure_of_one_and_of_all() -> None:
    collapsed = [[3, 4, 5, 6, 7]] * 10
    spread = [[(start + step) % N for step in range(5)] for start in range(N)]
    figures = measure_exposure({"collapsed": collapsed, "spread": spread}, N)
    assert figures["coverage_at_1_collapsed"] == 1 / N
    assert figures["top1_largest_share_collapsed"] == 1
    assert figures["least_tenth_share_collapsed"] == 0
    assert figures["coverage_at_1_spread"] == figures["coverage_at_5_spread"] == 1
    assert figures["gini_spread"] == 0
    assert figures["entropy_bits_spread"] == pytest.approx(np.log2(N), abs=1e-6)
    table = tabulate_exposure({"collapsed": collapsed, "spread": spread}, N)
    assert table.filter(method="collapsed")["share"].to_list()[:6] == [0.2] * 5 + [0]


def test_no_cases_give_no_figures_and_an_empty_plot() -> None:
    none = make_cases(0)
    rng = np.random.default_rng(0)
    assert compare_accuracy({"right": []}, [], none, rng, 100) == {}
    assert compare_segments({"right": []}, none, rng, 100) == {}
    assert tabulate_recall({}, ["right"]).is_empty()
    assert {
        metric: len(values) for metric, values in measure_rankings([], none).items()
    } == dict.fromkeys(METRICS, 0)


def test_cases_without_positives_are_left_out_and_consumed_clusters_dropped() -> None:
    frame = pl.DataFrame(
        {
            "split": ["test", "test", "validation"],
            "origin": [datetime(2024, 1, 1, tzinfo=UTC)] * 3,
            "user_id": ["b", "a", "c"],
            "history_clusters": [[1], [2, 0], [1]],
            "consumed_clusters": [[1], [0, 2, 3], [1]],
            "positives": [[], [4], [0]],
        }
    )
    cases = PlannerCases.from_frame(frame, "test")
    assert cases.users == ("a",)
    assert cases.drop_consumed(np.array([5.0, 1, 4, 3, 1, 2]), depth=5) == [[5, 1, 4]]


def test_matches_are_exact_and_members_are_self_transitions() -> None:
    descriptions = ("jazz guitar", "slow cooking", "night trains")
    contexts = [
        ClusterContext.of(0),
        ClusterContext.of(0, 1),
        ClusterContext.of(1),
        ClusterContext.of(2),
    ]
    written = ["slow cooking", "jazz guitar", "jazz guitars", ""]
    figures = count_matches(written, contexts, descriptions)
    assert (figures.n_prompts, figures.n_matches, figures.match_rate) == (4, 2, 0.5)
    assert figures.greedy_self_transition_rate == 0.25
    assert figures.match_rate_low < 0.5 < figures.match_rate_high


def test_cases_can_be_taken_in_any_order() -> None:
    taken = CASES.take(np.array([7, 2, 7]))
    assert taken.users == (CASES.users[7], CASES.users[2], CASES.users[7])
    assert [taken.consumed[1], taken.positives[1]] == [CASES.consumed[2], CASES.positives[2]]
    assert len(taken.histories) == len(taken) == 3
