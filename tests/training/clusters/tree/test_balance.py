from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import homogeneity_score

from training.clusters.tree import balance, nearest
from training.clusters.tree.balance import (
    Limits,
    Points,
    Start,
    cluster_evenly,
    continue_evenly,
    find_centres,
    measure_overload,
)
from training.clusters.tree.mending import (
    Partition,
    lift_small_clusters,
    relieve_full_clusters,
    swap_out_of_full_clusters,
)
from training.clusters.tree.nearest import find_candidates, find_nearest


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
    mended = relieve_full_clusters(
        Partition(vectors, loads, centres, cap=2.0, min_points=1), labels
    )
    assert mended.tolist() == [0, 0, 1, 1]
    assert labels.tolist() == [0, 0, 0, 1]
    stuck = relieve_full_clusters(Partition(vectors, loads, centres, cap=2.0, min_points=3), labels)
    assert stuck.tolist() == labels.tolist()


def test_a_small_cluster_takes_the_nearest_point_that_is_light_enough() -> None:
    centres = np.eye(2, dtype=np.float32)
    vectors = np.array([[1, 0], [0.9, 0.436], [0.8, 0.6], [0, 1]], dtype=np.float32)
    labels = np.array([0, 0, 0, 1])
    loads = np.array([1.0, 1, 3, 1])
    near = lift_small_clusters(Partition(vectors, loads, centres, cap=4.0, min_points=2), labels)
    assert near.tolist() == [0, 0, 1, 1]
    light = lift_small_clusters(Partition(vectors, loads, centres, cap=3.0, min_points=2), labels)
    assert light.tolist() == [0, 1, 0, 1]
    lightest = lift_small_clusters(
        Partition(vectors, loads, centres, cap=1.0, min_points=2), labels
    )
    assert lightest.tolist() == [1, 0, 0, 1]


def test_full_clusters_swap_where_no_move_is_left() -> None:
    # two heavy points sit together, both clusters have their fewest points: only a swap helps
    centres = np.eye(2, dtype=np.float32)
    vectors = np.array([[1, 0], [0.8, 0.6], [0.6, 0.8], [0, 1]], dtype=np.float32)
    labels = np.array([0, 0, 1, 1])
    loads = np.array([5.0, 4, 1, 1])
    assert (
        relieve_full_clusters(
            Partition(vectors, loads, centres, cap=6.0, min_points=2), labels
        ).tolist()
        == labels.tolist()
    )
    swapped = swap_out_of_full_clusters(
        Partition(vectors, loads, centres, cap=6.0, min_points=2), labels
    )
    assert swapped.tolist() == [0, 1, 0, 1]
    assert labels.tolist() == [0, 0, 1, 1]


@settings(max_examples=25, deadline=None)
@given(skew=st.floats(0.3, 1.3), cap=st.floats(1.0, 2.0), seed=st.integers(0, 1000))
def test_swaps_keep_numbers_and_never_make_the_fullest_fuller(
    skew: float, cap: float, seed: int
) -> None:
    points = draw_points(60, 4, skew, seed)
    labels = np.random.default_rng(seed).permutation(np.arange(60) % 12)
    centres = find_centres(points, labels, 12)
    limit = cap * points.loads.sum() / 12
    swapped = swap_out_of_full_clusters(
        Partition(points.vectors, points.loads, centres, limit, 1), labels
    )
    assert np.array_equal(np.bincount(swapped), np.bincount(labels))
    before = np.bincount(labels, weights=points.loads).max()
    after = np.bincount(swapped, weights=points.loads).max()
    assert after <= max(before, limit)
    if before > limit and points.loads.max() < limit / 2:
        assert after < before


@pytest.mark.parametrize("seed", range(3))
def test_heavy_points_are_packed_within_the_cap(seed: int) -> None:
    # eight points of .9 of the mean load, each with light ones: fits only one to a cluster
    points = draw_points(200, 4, 0.0, seed)
    points.loads[:] = 0.1
    points.loads[:8] = 17.0
    limits = Limits(balance=1.2, min_points=3, iterations=10, restarts=1)
    labels = cluster_evenly(points, 8, limits, np.random.default_rng(seed))
    assert np.array_equal(np.sort(labels[:8]), np.arange(8))
    assert measure_overload(labels, points.loads, 8, 1.2) == 0


def test_many_points_are_settled_from_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balance, "SMALLEST_SAMPLE", 400)
    monkeypatch.setattr(balance, "SAMPLE_PER_CLUSTER", 20)
    truth = np.repeat(np.arange(16), 200)
    vectors = np.eye(16)[truth] + np.random.default_rng(0).normal(scale=0.12, size=(3200, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    points = Points(vectors.astype(np.float32), np.ones(3200), np.ones(3200))
    limits = Limits(balance=1.2, min_points=3, iterations=10, restarts=3)
    labels = cluster_evenly(points, 16, limits, np.random.default_rng(0))
    assert homogeneity_score(truth, labels) == 1.0
    assert measure_overload(labels, points.loads, 16, 1.2) == 0


@settings(max_examples=20, deadline=None)
@given(
    n=st.integers(1, 60), k=st.integers(1, 20), count=st.integers(1, 25), seed=st.integers(0, 99)
)
def test_candidates_are_the_nearest_centres_whatever_the_piece(
    n: int, k: int, count: int, seed: int
) -> None:
    vectors = draw_points(n, 5, 0, seed).vectors
    centres = draw_points(k, 5, 0, seed + 1).vectors
    whole = find_candidates(vectors, centres, count)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearest, "CELLS_AT_ONCE", 7)
        cut = find_candidates(vectors, centres, count)
        assert np.array_equal(find_nearest(vectors, centres), (vectors @ centres.T).argmax(axis=1))
    assert np.array_equal(np.sort(whole.ids, axis=1), np.sort(cut.ids, axis=1))
    expected = -np.sort(-(vectors @ centres.T), axis=1)[:, :count]
    assert np.allclose(-np.sort(-whole.similarity, axis=1), expected, atol=1e-6)
    dear = np.zeros(k, dtype=np.float32)
    assert np.allclose(
        (vectors @ centres.T)[np.arange(n), whole.choose(dear)], expected[:, 0], atol=1e-6
    )


def test_a_start_keeps_ids_and_a_cluster_that_lost_its_points_begins_anew() -> None:
    angles = np.repeat(np.arange(4), 10) * np.pi / 2 + np.tile(np.linspace(0, 0.1, 10), 4)
    vectors = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    points = Points(vectors, np.ones(40), np.ones(40))
    limits = Limits(balance=1.2, min_points=3, iterations=5, restarts=1)
    old = np.repeat([3, 1, 0, -1], 10)  # nothing is left of 2, and the last group is new
    start = Start(old, margin=0.15)
    labels = continue_evenly(points, 4, limits, np.random.default_rng(0), start)
    assert labels.tolist() == np.repeat([3, 1, 0, 2], 10).tolist()


def test_a_point_leaves_its_cluster_only_for_one_nearer_by_the_margin() -> None:
    # the first point is nearer to the other group by cos(0.7) - cos(0.87) = 0.12
    angles = np.array([0.7, 1.57, 1.57, 1.57, 0.0, 0.0, 0.0])
    vectors = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    points = Points(vectors, np.ones(7), np.array([1e-3, 1, 1, 1, 1, 1, 1]))
    limits = Limits(balance=2.0, min_points=1, iterations=5, restarts=1)
    old = np.array([0, 0, 0, 0, 1, 1, 1])
    for margin, cluster in ((0.05, 1), (0.2, 0)):
        rng = np.random.default_rng(0)
        labels = continue_evenly(points, 2, limits, rng, Start(old, margin))
        assert labels.tolist() == [cluster, *old[1:]]
