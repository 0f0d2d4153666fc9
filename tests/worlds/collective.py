"""Collective signals drawn at random."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from training.baselines.clusters.pair_counts import PairCounts
from training.collective.signal import CollectiveSignal


def make_signal(seed: int, n_clusters: int) -> CollectiveSignal:
    rng = np.random.default_rng(seed)
    pairs = np.zeros((n_clusters, n_clusters, n_clusters))
    first, second = np.triu_indices(n_clusters, 1)
    pairs[first, second] = rng.integers(0, 4, size=(len(first), n_clusters))
    counts = PairCounts(
        csr_matrix(pairs.reshape(n_clusters**2, n_clusters)),
        rng.integers(0, 9, size=(n_clusters, n_clusters)).astype(float),
        rng.integers(1, 20, size=n_clusters).astype(float),
        prior=3.0,
    )
    return CollectiveSignal(
        counts, np.full(n_clusters, 0.7), rng.normal(size=(n_clusters, n_clusters))
    )
