"""Balanced k-means on the unit sphere: like goes with like, and no cluster draws too much traffic.

Balance is bought with prices: a cluster above its share becomes dearer for every point, one far
below it cheaper, as in the dual of a transport problem; what is still above its cap afterwards is
mended by moving the points that lose least.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.clusters.mending import lift_small_clusters, relieve_full_clusters

SAMPLE_FOR_SEEDS = 50_000
SEED_TRIALS = 4
PRICE_STEPS = 12
FLOOR = 0.7  # below this share of the mean a cluster is made cheaper
FREE_ITERATIONS = 3  # of ordinary k-means, before prices are asked


@dataclass(frozen=True)
class Points:
    """What is clustered; shapes: n points of d dimensions.

    Attributes:
        vectors: unit rows, float32 ``[n, d]``.
        loads: what is to be balanced, such as traffic, float64 ``[n]``, not all zero.
        masses: pull of each point on its centre, float64 ``[n]``, positive.
    """

    vectors: np.ndarray
    loads: np.ndarray
    masses: np.ndarray


@dataclass(frozen=True)
class Limits:
    """How uneven clusters may be: cap over the mean load, fewest points, most iterations."""

    balance: float
    min_points: int
    iterations: int
    restarts: int


def cluster_evenly(
    points: Points, n_clusters: int, limits: Limits, rng: np.random.Generator
) -> np.ndarray:
    """Return the cluster of each point, int64 ``[n]``, ids 0 to ``n_clusters`` - 1, none empty.

    The best of ``limits.restarts`` runs by weighted similarity to the centres, runs within the
    cap before others. A point heavier than the cap sits in a cluster of little else.

    Raises:
        ValueError: there are fewer than ``n_clusters * limits.min_points`` points.
    """
    n_points = len(points.vectors)
    if n_points < n_clusters * limits.min_points:
        raise ValueError(f"{n_points} points do not fill {n_clusters} clusters")
    best: tuple[tuple[float, float], np.ndarray] | None = None
    for _ in range(limits.restarts):
        labels, centres = _run_once(points, n_clusters, limits, rng)
        overload = measure_overload(labels, points.loads, n_clusters, limits.balance)
        fit = float(np.sum(points.masses * _own_similarity(points.vectors, centres, labels)))
        rank = (round(overload, 2), -fit)
        if best is None or rank < best[0]:
            best = (rank, labels)
    if best is None:
        raise ValueError("at least one restart is needed")
    return best[1]


def find_centres(points: Points, labels: np.ndarray, n_clusters: int) -> np.ndarray:
    """Return the unit mean of each cluster weighted by mass, float32 ``[n_clusters, d]``."""
    order = np.argsort(labels, kind="stable")
    present, starts = np.unique(labels[order], return_index=True)
    weighted = points.vectors[order] * points.masses[order, None].astype(np.float32)
    sums = np.zeros((n_clusters, points.vectors.shape[1]), dtype=np.float32)
    sums[present] = np.add.reduceat(weighted, starts, axis=0)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    centres: np.ndarray = sums / np.maximum(lengths, np.float32(1e-12))
    return centres


def measure_overload(
    labels: np.ndarray, loads: np.ndarray, n_clusters: int, balance: float
) -> float:
    """Return the load of the fullest cluster beyond its cap, over the mean load; 0 within it."""
    sums = np.bincount(labels, weights=loads, minlength=n_clusters)
    mean = sums.mean()
    cap = max(balance * mean, float(loads.max()))
    return float(max(0.0, sums.max() - cap) / mean)


def _run_once(
    points: Points, n_clusters: int, limits: Limits, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    centres = _choose_seeds(points, n_clusters, rng)
    prices = np.zeros(n_clusters, dtype=np.float32)
    labels = np.zeros(len(points.vectors), dtype=np.int64)
    for iteration in range(limits.iterations):
        priced = iteration >= min(FREE_ITERATIONS, limits.iterations - 1)
        labels, prices = _assign(points, centres, prices, limits, priced)
        centres = _revive(find_centres(points, labels, n_clusters), centres, labels)
    cap = max(limits.balance * points.loads.sum() / n_clusters, float(points.loads.max()))
    labels = lift_small_clusters(points.vectors, centres, labels, limits.min_points)
    labels = relieve_full_clusters(
        points.vectors, points.loads, centres, labels, cap, limits.min_points
    )
    return labels, find_centres(points, labels, n_clusters)


def _choose_seeds(points: Points, n_clusters: int, rng: np.random.Generator) -> np.ndarray:
    """Greedy k-means++ (Arthur & Vassilvitskii 2007), on a sample where there are many points."""
    rows = np.arange(len(points.vectors))
    if len(rows) > SAMPLE_FOR_SEEDS:
        rows = np.sort(rng.choice(rows, size=SAMPLE_FOR_SEEDS, replace=False))
    vectors, masses = points.vectors[rows], points.masses[rows]
    first = rng.choice(len(rows), p=masses / masses.sum())
    chosen = [int(first)]
    gap = np.maximum(1 - vectors @ vectors[first], 0)
    for _ in range(1, n_clusters):
        chances = np.cumsum(gap * masses)
        draws = rng.random(SEED_TRIALS) * chances[-1]
        trials = np.minimum(np.searchsorted(chances, draws), len(rows) - 1)
        gaps = np.minimum(gap[:, None], np.maximum(1 - vectors @ vectors[trials].T, 0))
        winner = int(np.argmin(masses @ gaps))
        chosen.append(int(trials[winner]))
        gap = gaps[:, winner]
    return np.ascontiguousarray(vectors[chosen])


def _assign(
    points: Points, centres: np.ndarray, prices: np.ndarray, limits: Limits, priced: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return each point's best cluster after prices, and the prices that balance the loads."""
    similarity = points.vectors @ centres.T  # [n, k]
    if not priced:
        return similarity.argmax(axis=1), prices
    mean = points.loads.sum() / len(centres)
    cap = 1 + (limits.balance - 1) / 2  # aim inside the cap, so that little is left to mend
    step = 0.1 * float(np.std(similarity))
    labels = (similarity - prices).argmax(axis=1)
    for turn in range(PRICE_STEPS):
        shares = np.bincount(labels, weights=points.loads, minlength=len(centres)) / mean
        beyond = np.maximum(shares - cap, 0) + np.minimum(shares - FLOOR, 0)
        if not beyond.any():
            break
        damped = step / np.sqrt(1 + turn)
        prices = prices + (damped * np.clip(beyond, -1, 2)).astype(np.float32)
        labels = (similarity - prices).argmax(axis=1)
    return labels, prices


def _revive(centres: np.ndarray, before: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Let a cluster that lost all its points keep its centre, so that its price can win some."""
    empty = np.bincount(labels, minlength=len(centres)) == 0
    return np.where(empty[:, None], before, centres)


def _own_similarity(vectors: np.ndarray, centres: np.ndarray, labels: np.ndarray) -> np.ndarray:
    similarity: np.ndarray = np.einsum("nd,nd->n", vectors, centres[labels])
    return similarity
