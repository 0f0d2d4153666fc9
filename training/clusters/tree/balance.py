"""Balanced k-means on the unit sphere: like goes with like, and no cluster draws too much traffic.

Balance is bought with prices: a cluster above its share becomes dearer for every point, one far
below it cheaper, as in the dual of a transport problem; what is still above its cap afterwards is
mended by moving the points that lose least. Many points are clustered from a sample of them, and
then settled all together from its centres and prices: time grows with the number of points, not
with points times rounds times restarts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from training.clusters.tree.mending import (
    Partition,
    lift_small_clusters,
    relieve_full_clusters,
    swap_out_of_full_clusters,
)
from training.clusters.tree.nearest import find_candidates
from training.clusters.tree.seeding import choose_seeds

SAMPLE_PER_CLUSTER = 64
"""Points that a cluster's centre is found from: its mean errs by an eighth of what they differ by,
and all points settle it."""
SMALLEST_SAMPLE = 50_000
"""As many points and fewer are clustered whole."""
SETTLING_ITERATIONS = 3
"""Of all points, after those of the sample: they only correct what the sample left open."""
CANDIDATES = 32
"""Nearest clusters that prices may lead a point to: what is farther would cost more similarity than
balance is worth, and memory is n times this instead of n times k."""
PRICE_STEPS = 12
"""In each iteration of k-means, which goes on from the last one's prices."""
PRICE_STEP = 0.1
"""Of a price, in spreads of the similarity: ten full steps make up for a whole spread."""
ROWS_FOR_SPREAD = 1000
"""Whose similarities to all centres tell the spread: with 64 of them it errs by some 2%."""
CHEAP_BELOW = 0.7
"""Below this share of the mean a cluster is made cheaper. Only the cap is promised; small clusters
that are tight stay small."""
FREE_ITERATIONS = 3
"""Of ordinary k-means, before prices are asked: they should bend clusters, not decide where they
lie."""


@dataclass(frozen=True)
class Points:
    """What is clustered; shapes: n points of d dimensions.

    Attributes:
        vectors: unit rows, float32 ``[n, d]``.
        loads: what is to be balanced, such as traffic, float64 ``[n]``, not all zero.
        masses: weight of each point in its centre, float64 ``[n]``, positive.
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


@dataclass(frozen=True)
class Start:
    """An earlier clustering to go on from, so that a rebuild changes no more than it must.

    Attributes:
        labels: cluster that each point had, int64 ``[n]``; -1 for a point that had none.
        margin: how much more similar another centre must be before a point leaves the one it had.
    """

    labels: np.ndarray
    margin: float


@dataclass(frozen=True)
class _State:
    """Where k-means stands: centres float32 ``[k, d]``, prices float32 ``[k]``."""

    centres: np.ndarray
    prices: np.ndarray


def cluster_evenly(
    points: Points, n_clusters: int, limits: Limits, rng: np.random.Generator
) -> np.ndarray:
    """Return the cluster of each point, int64 ``[n]``, ids 0 to ``n_clusters`` - 1, none empty.

    The best of ``limits.restarts`` runs by weighted similarity to the centres, runs within the
    cap before others. A point heavier than the cap sits in a cluster of little else.

    Raises:
        ValueError: there are fewer than ``n_clusters * limits.min_points`` points.
    """
    _check_number(points, n_clusters, limits)
    sample = _draw_sample(points, max(SMALLEST_SAMPLE, SAMPLE_PER_CLUSTER * n_clusters), rng)
    best: tuple[tuple[float, float], np.ndarray, _State] | None = None
    for _ in tqdm(range(limits.restarts), f"{n_clusters} clusters", leave=False, disable=None):
        state = _State(
            choose_seeds(sample.vectors, sample.masses, n_clusters, rng),
            np.zeros(n_clusters, dtype=np.float32),
        )
        labels, state = _iterate(sample, state, limits, limits.iterations, FREE_ITERATIONS)
        labels = _mend(sample, labels, state.centres, limits)
        overload = measure_overload(labels, sample.loads, n_clusters, limits.balance)
        centres = find_centres(sample, labels, n_clusters)
        fit = float(sample.masses @ _own_similarity(sample.vectors, centres, labels))
        # To a hundredth of the mean: a hair's breadth over the cap should not decide between runs.
        rank = (round(overload, 2), -fit)
        if best is None or rank < best[0]:
            best = (rank, labels, state)
    if best is None:
        raise ValueError("at least one restart is needed")
    if sample is points:
        return best[1]
    # From the sample's prices, too, so that the first pass over all is nearly balanced already.
    labels, state = _iterate(points, best[2], limits, SETTLING_ITERATIONS, 0)
    return _mend(points, labels, state.centres, limits)


def continue_evenly(
    points: Points, n_clusters: int, limits: Limits, rng: np.random.Generator, start: Start
) -> np.ndarray:
    """Return the cluster of each point as :func:`cluster_evenly` does, going on from ``start``.

    Clusters keep their ids. One that has lost all its points begins anew, far from the others.

    Raises:
        ValueError: there are fewer than ``n_clusters * limits.min_points`` points.
    """
    _check_number(points, n_clusters, limits)
    is_small = len(points.vectors) <= SMALLEST_SAMPLE
    iterations = limits.iterations if is_small else SETTLING_ITERATIONS
    state = _State(_find_start(points, n_clusters, rng, start), np.zeros(n_clusters, np.float32))
    labels, state = _iterate(points, state, limits, iterations, 0, start)
    return _mend(points, labels, state.centres, limits)


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


def _check_number(points: Points, n_clusters: int, limits: Limits) -> None:
    n_points = len(points.vectors)
    if n_points < n_clusters * limits.min_points:
        raise ValueError(f"{n_points} points do not fill {n_clusters} clusters")


def _find_start(
    points: Points, n_clusters: int, rng: np.random.Generator, start: Start
) -> np.ndarray:
    known = start.labels >= 0
    before = Points(points.vectors[known], points.loads[known], points.masses[known])
    centres = find_centres(before, start.labels[known], n_clusters)
    lost = np.bincount(start.labels[known], minlength=n_clusters) == 0
    if lost.any():
        found = choose_seeds(
            points.vectors, points.masses, int(lost.sum()), rng, beside=centres[~lost]
        )
        centres[lost] = found
    return centres


def _draw_sample(points: Points, size: int, rng: np.random.Generator) -> Points:
    """Return ``size`` of the points, or ``points`` itself where there are no more."""
    if len(points.vectors) <= size:
        return points
    rows = np.sort(rng.choice(len(points.vectors), size=size, replace=False))
    sample = Points(points.vectors[rows], points.loads[rows], points.masses[rows])
    return sample if sample.loads.any() else Points(sample.vectors, np.ones(size), sample.masses)


def _iterate(
    points: Points,
    state: _State,
    limits: Limits,
    iterations: int,
    free: int,
    start: Start | None = None,
) -> tuple[np.ndarray, _State]:
    """Assign and average ``iterations`` times, prices left as they are in the ``free`` first."""
    labels = np.zeros(len(points.vectors), dtype=np.int64)
    centres, prices = state.centres, state.prices
    for iteration in range(iterations):
        is_priced = iteration >= min(free, iterations - 1)
        labels, prices = _assign(points, centres, prices, limits, is_priced, start)
        centres = _revive(find_centres(points, labels, len(centres)), centres, labels)
    return labels, _State(centres, prices)


def _assign(
    points: Points,
    centres: np.ndarray,
    prices: np.ndarray,
    limits: Limits,
    is_priced: bool,
    start: Start | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return each point's best cluster after prices, and the prices that balance the loads."""
    candidates = find_candidates(points.vectors, centres, CANDIDATES if is_priced else 1)
    # The margin is a price on leaving: what is near two centres stays where it was.
    if start is not None:
        candidates = candidates.favour(start.labels, start.margin)
    labels = candidates.choose(prices)
    if not is_priced:
        return labels, prices
    mean = points.loads.sum() / len(centres)
    cap = 1 + (limits.balance - 1) / 2  # aim inside the cap, so that little is left to mend
    step = PRICE_STEP * float(np.std(points.vectors[:ROWS_FOR_SPREAD] @ centres.T))
    for turn in range(PRICE_STEPS):
        shares = np.bincount(labels, weights=points.loads, minlength=len(centres)) / mean
        beyond = np.maximum(shares - cap, 0) + np.minimum(shares - CHEAP_BELOW, 0)
        if not beyond.any():
            break
        # Steps of a subgradient method: all prices move at once, and constant ones would overshoot.
        damped = step / np.sqrt(1 + turn)
        # A cluster far beyond its cap moves no further than two steps: its points would all leave.
        prices = prices + (damped * np.clip(beyond, -1, 2)).astype(np.float32)
        labels = candidates.choose(prices)
    return labels, prices


def _mend(points: Points, labels: np.ndarray, centres: np.ndarray, limits: Limits) -> np.ndarray:
    """Make the limits hold: fewest points, then the cap, by moves and, where stuck, by swaps."""
    cap = max(limits.balance * points.loads.sum() / len(centres), float(points.loads.max()))
    partition = Partition(points.vectors, points.loads, centres, cap, limits.min_points)
    labels = lift_small_clusters(partition, labels)
    labels = relieve_full_clusters(partition, labels)
    return swap_out_of_full_clusters(partition, labels)


def _revive(centres: np.ndarray, before: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Let a cluster that lost all its points keep its centre, so that its price can win some."""
    empty = np.bincount(labels, minlength=len(centres)) == 0
    return np.where(empty[:, None], before, centres)


def _own_similarity(vectors: np.ndarray, centres: np.ndarray, labels: np.ndarray) -> np.ndarray:
    similarity: np.ndarray = np.einsum("nd,nd->n", vectors, centres[labels])
    return similarity
