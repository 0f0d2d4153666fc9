"""Baselines against brute force, and the edges of what they may count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.contracts.values import ClusterContext, all_contexts
from training.baselines.clusters.ease import fit_ease, score_ease
from training.baselines.clusters.pair_counts import count_pairs
from training.baselines.clusters.popularity import count_novel_likes
from training.baselines.clusters.visits import Visits, collect_visits

N = 5
START = datetime(2024, 1, 1, tzinfo=UTC)
ITEMS = pl.DataFrame({"item_id": ["a", "b", "c", "d"], "cluster_id": [0, 1, 2, 2]})
LOGS = st.lists(  # user, cluster, hour, positive
    st.tuples(st.integers(0, 2), st.integers(0, N - 1), st.integers(0, 6), st.booleans()),
    max_size=40,
)


def make_log(*rows: tuple[str, str, int, bool]) -> pl.LazyFrame:
    """User, item, hour, positive."""
    frame = pl.DataFrame(
        rows, schema=["user_id", "item_id", "hour", "is_positive"], orient="row"
    ).with_columns(timestamp=pl.lit(START) + pl.duration(hours="hour"))
    return frame.with_columns(pl.col("timestamp").cast(pl.Datetime("us", "UTC"))).lazy()


def visits_of(log: list[tuple[int, int, int, bool]]) -> Visits:
    items = pl.DataFrame({"item_id": [str(c) for c in range(N)], "cluster_id": list(range(N))})
    rows = [(str(user), str(cluster), hour, liked) for user, cluster, hour, liked in log]
    return collect_visits(make_log(*rows), items, START + timedelta(days=9), N)


def test_visits_tell_first_contact_from_first_like() -> None:
    log = make_log(
        ("ann", "b", 3, True),
        ("ann", "a", 1, False),
        ("ann", "a", 2, True),  # touched before it was liked: no transition
        ("ann", "c", 4, True),
        ("ann", "d", 5, True),  # the same cluster again
        ("bob", "a", 9, True),  # not before the end
        ("cid", "c", 0, False),
    )
    visits = collect_visits(log, ITEMS, START + timedelta(hours=9), 3)
    assert visits.users.tolist() == [0, 0, 0, 1]
    assert visits.clusters.tolist() == [0, 1, 2, 2]
    assert visits.novel_likes.tolist() == [False, True, True, False]
    assert (visits.liked_at >= 0).tolist() == [True, True, True, False]
    assert (visits.n_users, visits.n_clusters) == (2, 3)
    assert count_novel_likes(visits).tolist() == [0, 1, 1]


@settings(max_examples=60, deadline=None)
@given(LOGS.filter(bool), st.integers(2, 4))
def test_counts_are_those_of_brute_force(
    log: list[tuple[int, int, int, bool]], window: int
) -> None:
    expected_pairs = np.zeros((N * N, N))
    expected_singles = np.zeros((N, N))
    for user in range(3):
        own = [entry for entry in log if entry[0] == user]
        touched = {c: min(h for _, x, h, _ in own if x == c) for _, c, _, _ in own}
        liked = {c: min(h for _, x, h, p in own if x == c and p) for _, c, _, p in own if p}
        walk = sorted(liked, key=lambda c: (liked[c], c))
        for place, target in enumerate(walk):
            if touched[target] != liked[target]:
                continue
            recent = walk[max(0, place - window) : place]
            earlier = [c for c in recent if liked[c] < liked[target]]
            for a in earlier:
                expected_singles[a, target] += 1
                for b in earlier:
                    if a < b:
                        expected_pairs[a * N + b, target] += 1
    counts = count_pairs(visits_of(log), window, prior=1.0)
    assert np.array_equal(counts.pairs.toarray(), expected_pairs)
    assert np.array_equal(counts.singles, expected_singles)


@settings(max_examples=30, deadline=None)
@given(LOGS.filter(bool), st.floats(0.1, 100))
def test_smoothed_counts_are_distributions(
    log: list[tuple[int, int, int, bool]], prior: float
) -> None:
    scores = count_pairs(visits_of(log), 4, prior).score_batch(list(all_contexts(N)))
    assert np.allclose(np.exp(scores).sum(axis=1), 1)


def test_a_pair_never_seen_backs_off_to_its_members() -> None:
    # 0 leads to 2 and 1 leads to 3, each for ten users; nobody liked 0 and 1
    log = [(u, c, h, True) for u in range(10) for h, c in enumerate((0, 2))]
    log += [(u + 10, c, h, True) for u in range(10) for h, c in enumerate((1, 3))]
    counts = count_pairs(visits_of(log), 4, prior=2.0)
    both, alone = np.exp(counts.score_batch([ClusterContext.of(0, 1), ClusterContext.of(0)]))
    assert both[2] == pytest.approx(both[3])
    assert alone.argmax() == 2
    assert both[2] > both[4]
    # worked by hand: popularity of 2 is (10 + .2) / 41, after 0 it is (10 + 2 p) / 12
    popularity = (10 + 1 / N) / 41
    assert alone[2] == pytest.approx((10 + 2 * popularity) / 12)


def test_the_strength_of_the_back_off_can_change_without_counting_again() -> None:
    log = [(u, c, h, True) for u in range(9) for h, c in enumerate((u % 3, 3, 4))]
    first = count_pairs(visits_of(log), 4, prior=1.0)
    contexts = list(all_contexts(N))
    before = first.score_batch(contexts)
    again = count_pairs(visits_of(log), 4, prior=50.0)
    assert np.allclose(first.with_prior(50.0).score_batch(contexts), again.score_batch(contexts))
    assert np.array_equal(first.score_batch(contexts), before)


def test_ease_solves_its_own_problem() -> None:
    # B minimises |X - XB|^2 + penalty |B|^2 with a zero diagonal: no small step may improve it
    rng = np.random.default_rng(0)
    log = [(u, c, 0, True) for u in range(40) for c in range(N) if rng.random() < 0.4]
    weights = fit_ease(visits_of(log), penalty=3.0)
    touched = np.zeros((40, N))
    for user, cluster, _, _ in log:
        touched[user, cluster] = 1

    def loss(b: np.ndarray) -> float:
        return float(((touched - touched @ b) ** 2).sum() + 3.0 * (b**2).sum())

    assert np.allclose(np.diag(weights), 0)
    for _ in range(50):
        step = rng.normal(size=(N, N)) * 1e-3
        np.fill_diagonal(step, 0)
        assert loss(weights + step) >= loss(weights)
    assert np.allclose(score_ease(weights, [[0, 2], []]), [weights[0] + weights[2], np.zeros(N)])
