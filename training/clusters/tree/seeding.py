"""Chooses the first centres of k-means: far apart, and where the points are."""

from __future__ import annotations

import numpy as np

from training.clusters.tree.nearest import find_candidates

SAMPLE_FOR_SEEDS = 50_000
"""As `SMALLEST_SAMPLE` of :mod:`training.clusters.tree.balance`: seeds of a sample lie as well as
those of all."""
SEED_TRIALS = 4
"""scikit-learn takes 2 + log k of them, 6 for 64 clusters; restarts make up for fewer."""


def choose_seeds(
    vectors: np.ndarray,
    masses: np.ndarray,
    n_clusters: int,
    rng: np.random.Generator,
    beside: np.ndarray | None = None,
) -> np.ndarray:
    """Return ``n_clusters`` of the points, float32 ``[n_clusters, d]``.

    Greedy k-means++ (Arthur & Vassilvitskii 2007): each next centre is the best of a few drawn by
    their distance from those before. It looks at a sample where there are many points.

    Args:
        vectors: unit rows ``[n, d]``.
        masses: weight of each point ``[n]``, positive.
        n_clusters: at most ``n``.
        rng: draws.
        beside: centres that are there already, ``[m, d]``, at least one.
    """
    rows = np.arange(len(vectors))
    if len(rows) > SAMPLE_FOR_SEEDS:
        rows = np.sort(rng.choice(rows, size=SAMPLE_FOR_SEEDS, replace=False))
    vectors, masses = vectors[rows], masses[rows]
    chosen: list[int] = []
    if beside is None:
        chosen.append(int(rng.choice(len(rows), p=masses / masses.sum())))
        gap = np.maximum(1 - vectors @ vectors[chosen[0]], 0)
    else:
        gap = np.maximum(1 - find_candidates(vectors, beside, 1).similarity[:, 0], 0)
    while len(chosen) < n_clusters:
        chances = np.cumsum(gap * masses)
        draws = rng.random(SEED_TRIALS) * chances[-1]
        trials = np.minimum(np.searchsorted(chances, draws), len(rows) - 1)
        gaps = np.minimum(gap[:, None], np.maximum(1 - vectors @ vectors[trials].T, 0))
        winner = int(np.argmin(masses @ gaps))
        chosen.append(int(trials[winner]))
        gap = gaps[:, winner]
    return np.ascontiguousarray(vectors[chosen])
