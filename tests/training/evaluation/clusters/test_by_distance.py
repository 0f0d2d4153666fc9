"""Figures by distance are those of the plain metrics, asked of one distance at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.contracts.values import NO_CLUSTER
from training.clusters.distance import DISTANCES, KNOWN, climb
from training.evaluation.clusters.by_distance import (
    CaseDistances,
    average_likes,
    expose_by_distance,
    intervals_where_defined,
    measure_places,
    measure_within,
    share_by_distance,
)
from training.evaluation.clusters.cases import PlannerCases
from training.evaluation.clusters.compare import KS
from training.evaluation.metrics import coverage_at_k, recall_at_k

N = 12
TREE = climb([np.array([0, 0, 1, 1]), np.arange(N) // 3], N)  # four families in two fields


def draw_cases(rng: np.random.Generator, n_cases: int = 8) -> PlannerCases:
    consumed = [rng.permutation(N)[: rng.integers(1, 6)].tolist() for _ in range(n_cases)]
    open_clusters = [sorted(set(range(N)) - set(touched)) for touched in consumed]
    positives = [
        frozenset(rng.permutation(left)[: rng.integers(1, 4)].tolist()) for left in open_clusters
    ]
    return PlannerCases(
        tuple(f"u{case}" for case in range(n_cases)), [c[:2] for c in consumed], consumed, positives
    )


@given(st.integers(0, 10_000), st.integers(1, N))
def test_recall_at_a_distance_is_recall_of_what_was_liked_there(seed: int, depth: int) -> None:
    rng = np.random.default_rng(seed)
    cases = draw_cases(rng)
    scores = rng.normal(size=(len(cases), N))
    distances = CaseDistances.of(cases, TREE)
    ranked = cases.drop_consumed(scores, depth)
    places = distances.rank(scores, depth)
    assert [[c for c in row if c != NO_CLUSTER] for row in places.tolist()] == ranked
    found, within = measure_places(places, distances), measure_within(scores, distances, depth)
    for row, (plan, positives) in enumerate(zip(ranked, cases.positives, strict=True)):
        codes = TREE.distances_from(cases.consumed[row])
        for k in KS:
            assert found[f"recall_at_{k}"][row] == recall_at_k(plan, positives, k)
        shares = [found[f"share_at_5_{name}"][row] for name in DISTANCES]
        assert sum(shares) == pytest.approx(1)
        assert found["mean_distance_at_10"][row] == pytest.approx(codes[plan[:10]].mean())
        for code, name in enumerate(DISTANCES):
            wanted = {c for c in positives if codes[c] == code}
            alone = [c for c in np.argsort(-scores[row]).tolist() if codes[c] == code][:depth]
            assert shares[code] == pytest.approx((codes[plan[:5]] == code).mean())
            for k in KS:
                figures = (found[f"recall_at_{k}_{name}"], within[f"recall_at_{k}_within_{name}"])
                if wanted:
                    expected = (recall_at_k(plan, wanted, k), recall_at_k(alone, wanted, k))
                    assert tuple(figure[row] for figure in figures) == expected
                else:
                    assert all(np.isnan(figure[row]) for figure in figures)


def test_shares_of_the_open_clusters_are_those_of_their_distances() -> None:
    cases = PlannerCases(("u",), [[0]], [[0, 3]], [frozenset({1, 6})])
    distances = CaseDistances.of(cases, TREE)  # known: two families of the first field
    shares = share_by_distance(distances.codes != KNOWN, distances)
    assert [shares[name][0] for name in DISTANCES] == [0.4, 0.0, 0.6]
    liked = share_by_distance(distances.liked, distances)
    assert [liked[name][0] for name in DISTANCES] == [0.5, 0.0, 0.5]


def test_likes_are_shared_by_case_and_one_case_more_likes_all_alike() -> None:
    codes = np.array([[0, 1, 2], [0, 1, 2], [KNOWN, 1, 2]], dtype=np.int8)
    liked = np.array([[1, 1, 0], [0, 0, 1], [1, 0, 0]], dtype=bool)  # the last is of no case
    third = 1 / 3
    found = average_likes(CaseDistances(codes, liked & (codes != KNOWN)))
    assert found == pytest.approx(((0.5 + third) / 3, (0.5 + third) / 3, (1 + third) / 3))
    nobody = CaseDistances(codes[:0], liked[:0])
    assert average_likes(nobody) == pytest.approx((third, third, third))


def test_exposure_is_counted_among_the_clusters_that_can_be_at_a_distance() -> None:
    cases = PlannerCases(("u", "v"), [[0], [0]], [[0], [0]], [frozenset({1}), frozenset({2})])
    distances = CaseDistances.of(cases, TREE)
    scores = np.tile(-np.arange(N, dtype=float), (2, 1))  # ids in turn
    figures = expose_by_distance(scores, distances.rank(scores, 5), distances)
    assert figures["coverage_at_5_adjacent"] == figures["coverage_at_5_within_adjacent"] == 1
    assert figures["coverage_at_5_new_family"] == 1  # 3, 4 and 5 follow
    assert figures["coverage_at_5_new_field"] == 0
    alone = distances.rank_within(scores, 2, 5)
    assert figures["coverage_at_5_within_new_field"] == pytest.approx(
        coverage_at_k(alone.tolist(), N, 5) * N / 6, abs=1e-6
    )
    assert figures["gini_adjacent"] == figures["gini_new_family"] == 0


def test_an_interval_is_of_the_cases_in_which_a_figure_is_defined() -> None:
    columns = {
        "all": np.array([1.0, 0.0, 1.0]),
        "some": np.array([np.nan, 0.0, 1.0]),
        "nowhere": np.full(3, np.nan),
    }
    rng = np.random.default_rng(0)
    found = intervals_where_defined(columns, ("a", "b", "b"), rng, 100)
    assert set(found) == {"all", "some"}
    assert (found["all"].n_cases, found["some"].n_cases) == (3, 2)
    assert (found["some"].mean, found["some"].n_users) == (0.5, 1)
