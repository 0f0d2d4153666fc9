from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.clusters.balance import Limits, Points, cluster_evenly, measure_overload
from training.clusters.mending import lift_small_clusters, relieve_full_clusters


def draw_points(n: int, d: int, skew: float, seed: int) -> Points:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, d))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    loads = np.floor(1000 / np.arange(1, n + 1) ** skew)[rng.permutation(n)]
    return Points(vectors.astype(np.float32), loads, 1 + np.log1p(loads))


@settings(max_examples=25, deadline=None)
@given(
    n_clusters=st.integers(1, 12),
    spare=st.integers(0, 80),
    skew=st.floats(0, 1.2),
    min_points=st.integers(1, 3),
    seed=st.integers(0, 1000),
)
def test_every_cluster_is_filled_whatever_the_points(
    n_clusters: int, spare: int, skew: float, min_points: int, seed: int
) -> None:
    points = draw_points(n_clusters * min_points + spare, 4, skew, seed)
    limits = Limits(balance=1.2, min_points=min_points, iterations=5, restarts=1)
    labels = cluster_evenly(points, n_clusters, limits, np.random.default_rng(seed))
    counts = np.bincount(labels, minlength=n_clusters)
    assert len(counts) == n_clusters
    assert counts.min() >= min_points


@pytest.mark.parametrize("seed", range(5))
def test_loads_keep_under_the_cap_where_no_item_exceeds_it(seed: int) -> None:
    points = draw_points(600, 8, 0.7, seed)
    limits = Limits(balance=1.2, min_points=3, iterations=15, restarts=2)
    labels = cluster_evenly(points, 20, limits, np.random.default_rng(seed))
    sums = np.bincount(labels, weights=points.loads, minlength=20)
    # the heaviest of 600 items by 1/rank^0.7 has 0.9 of a cluster's mean load, so the cap holds
    assert sums.max() <= 1.2 * sums.mean() * (1 + 1e-9)
    assert measure_overload(labels, points.loads, 20, 1.2) == 0


def test_an_item_heavier_than_the_cap_sits_among_few() -> None:
    points = draw_points(100, 4, 0.5, 0)
    points.loads[7] = points.loads.sum()
    limits = Limits(balance=1.2, min_points=3, iterations=10, restarts=1)
    labels = cluster_evenly(points, 5, limits, np.random.default_rng(0))
    beside = labels == labels[7]
    assert beside.sum() == 3
    assert np.bincount(labels, minlength=5).min() >= 3


def test_planted_groups_are_found() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(16), 30)
    vectors = np.eye(16)[truth] + rng.normal(scale=0.12, size=(480, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    points = Points(vectors.astype(np.float32), np.ones(480), np.ones(480))
    limits = Limits(balance=1.2, min_points=3, iterations=15, restarts=3)
    labels = cluster_evenly(points, 16, limits, rng)
    for group in range(16):
        assert len(set(labels[truth == group].tolist())) == 1


def test_too_few_points_are_refused() -> None:
    limits = Limits(balance=1.2, min_points=3, iterations=3, restarts=1)
    with pytest.raises(ValueError, match="do not fill"):
        cluster_evenly(draw_points(8, 2, 0, 0), 3, limits, np.random.default_rng(0))


def test_mending_moves_the_point_that_loses_least() -> None:
    centres = np.eye(2, dtype=np.float32)
    vectors = np.array([[1, 0], [1, 0], [0.8, 0.6], [0, 1]], dtype=np.float32)
    labels = np.array([0, 0, 0, 1])
    loads = np.ones(4)
    mended = relieve_full_clusters(vectors, loads, centres, labels, cap=2.0, min_points=1)
    assert mended.tolist() == [0, 0, 1, 1]
    assert labels.tolist() == [0, 0, 0, 1]
    stuck = relieve_full_clusters(vectors, loads, centres, labels, cap=2.0, min_points=3)
    assert stuck.tolist() == labels.tolist()
    lifted = lift_small_clusters(vectors, centres, labels, min_points=2)
    assert lifted.tolist() == [0, 0, 1, 1]
