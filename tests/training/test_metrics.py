"""Golden numbers, properties and the bootstrap's coverage."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.evaluation import metrics


def test_doctests_hold() -> None:
    assert doctest.testmod(metrics).failed == 0


def test_golden_numbers_of_scikit_learn() -> None:
    # sklearn.metrics.ndcg_score([[0,1,0,1,1]], [[5,4,3,2,1]], k=k): names 1, 3, 4 are positive
    assert metrics.ndcg_at_k([0, 1, 2, 3, 4], {1, 3, 4}, k=3) == pytest.approx(0.2960819109658652)
    assert metrics.ndcg_at_k([0, 1, 2, 3, 4], {1, 3, 4}, k=5) == pytest.approx(0.6797310500037654)
    # scipy.stats.entropy([1, 2, 3, 4], base=2)
    assert metrics.entropy([1, 2, 3, 4]) == pytest.approx(1.8464393446710154)
    # mean absolute difference 1.25 over twice the mean 2.5
    assert metrics.gini([1, 2, 3, 4]) == pytest.approx(0.25)


@settings(deadline=None)
@given(
    st.permutations(list(range(12))),
    st.sets(st.integers(0, 11), min_size=1),
    st.integers(1, 12),
)
def test_rank_metrics_agree_with_their_definitions(
    ranked: list[int], positives: set[int], k: int
) -> None:
    hits = len([name for name in ranked[:k] if name in positives])
    assert metrics.recall_at_k(ranked, positives, k) == hits / min(k, len(positives))
    assert 0 <= metrics.ndcg_at_k(ranked, positives, k) <= 1
    first = min(ranked.index(name) for name in positives)
    assert metrics.reciprocal_rank(ranked, positives) == 1 / (first + 1)


def test_missing_places_are_misses() -> None:
    assert metrics.recall_at_k([4], {4, 5}, k=10) == 0.5
    assert metrics.recall_at_k([], {4}, k=10) == 0.0
    assert metrics.reciprocal_rank([], {4}) == 0.0


def test_a_case_without_positives_is_an_error() -> None:
    with pytest.raises(ValueError, match="without positives"):
        metrics.recall_at_k([1], set(), k=1)


@settings(deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=30))
def test_gini_is_the_mean_absolute_difference(counts: list[int]) -> None:
    values = np.array(counts, dtype=float)
    expected = 0.0
    if values.sum():
        expected = np.abs(values[:, None] - values).mean() / (2 * values.mean())
    assert metrics.gini(counts) == pytest.approx(expected, abs=1e-12)


def test_exposure_of_nothing_is_zero_everywhere() -> None:
    exposure = metrics.exposure_at_k([], n_names=3, k=5)
    assert exposure.tolist() == [0, 0, 0]
    assert metrics.gini(exposure) == metrics.entropy(exposure) == 0.0
    assert metrics.least_exposed_share(exposure) == 0.0


def test_the_interval_covers_the_truth_as_often_as_it_claims() -> None:
    # 200 worlds of 60 users with 1 to 4 correlated cases, true mean 0.3. At 95% coverage the
    # count of covering intervals is binomial(200, .95): below 180 with probability 0.3%; the
    # percentile interval is a little narrow at 60 users, hence 176.
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(200):
        n_cases = rng.integers(1, 5, size=60)
        rates = rng.beta(3, 7, size=60)
        users = np.repeat(np.arange(60), n_cases)
        values = (rng.random(len(users)) < rates[users]).astype(float)
        interval = metrics.bootstrap_interval(values, users, rng, resamples=300)
        covered += interval.low <= 0.3 <= interval.high
    assert covered >= 176


def test_cases_of_one_user_are_drawn_together() -> None:
    # ten users whose 20 cases agree: the width must be that of 10 values, not of 200
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(10), 20)
    values = (users % 2).astype(float)
    interval = metrics.bootstrap_interval(values, users, rng)
    assert interval.high - interval.low > 0.4
    assert (interval.n_cases, interval.n_users) == (200, 10)


def test_same_seed_same_interval_and_columns_share_their_resamples() -> None:
    users = np.arange(50) % 20
    values = np.random.default_rng(1).random((50, 2))
    first = metrics.bootstrap_intervals(values, users, np.random.default_rng(7))
    again = metrics.bootstrap_intervals(values[:, 1:], users, np.random.default_rng(7))
    assert first[1] == again[0]


def test_a_paired_difference_is_narrower_than_its_parts() -> None:
    rng = np.random.default_rng(5)
    users = np.arange(300)
    base = rng.random(300)
    better = base + 0.02 + 0.001 * rng.standard_normal(300)
    alone = metrics.bootstrap_interval(better, users, rng)
    difference = metrics.bootstrap_interval(better - base, users, rng)
    assert difference.low > 0
    assert difference.high - difference.low < (alone.high - alone.low) / 10


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3))
def test_memory_pieces_do_not_change_the_interval(pieces: int) -> None:
    users, values = np.arange(40), np.linspace(0, 1, 40)
    whole = metrics.bootstrap_interval(values, users, np.random.default_rng(0), resamples=60)
    original = metrics.CELLS_AT_ONCE
    try:
        metrics.CELLS_AT_ONCE = 40 * pieces
        split = metrics.bootstrap_interval(values, users, np.random.default_rng(0), resamples=60)
    finally:
        metrics.CELLS_AT_ONCE = original
    assert split.low == pytest.approx(whole.low, abs=1e-12)  # the product's last bits may move
    assert split.high == pytest.approx(whole.high, abs=1e-12)


@pytest.mark.parametrize("users", [[], ["a"], ["a", "b", "c"]])
def test_lengths_that_differ_are_refused(users: list[str]) -> None:
    values = [] if not users else [0.5, 0.5]
    with pytest.raises(ValueError, match="needed"):
        metrics.bootstrap_interval(values, users, np.random.default_rng(0))
