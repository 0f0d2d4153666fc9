"""Deals clusters out by distance, compiled: a request deals one plan, an evaluation thousands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.item_scoring.compiled import compiled

ROUNDING = 1e-9
"""Shares that differ by less are equal: sums of tenths do not decide who comes first."""

# Shapes: B users, N clusters, K distances, D places.


@compiled
def deal_rows(
    by_score: NDArray[np.int64],
    scores: NDArray[np.float64],
    distances: NDArray[np.int8],
    shares: NDArray[np.float64],
    dealt: NDArray[np.int64],
) -> None:
    """Fill ``dealt`` with each user's clusters by place; what lies after a plan's end is left.

    Args:
        by_score: clusters, best first, ``[B, N]``.
        scores: minus infinity where a cluster is not offered, ``[B, N]``.
        distances: codes from 0 to K - 1 where a cluster is offered, ``[B, N]``.
        shares: of the places that go to each distance, in sum 1, ``[B, K]``.
        dealt: to be filled, ``[B, D]``.
    """
    n_users, n_clusters = scores.shape
    n_distances = shares.shape[1]
    queues = np.empty((n_distances, n_clusters), dtype=np.int64)
    for user in range(n_users):
        sizes = np.zeros(n_distances, dtype=np.int64)
        for cluster in by_score[user]:
            if np.isfinite(scores[user, cluster]):
                code = distances[user, cluster]
                queues[code, sizes[code]] = cluster
                sizes[code] += 1
        lacks = np.where(shares[user] > 0, 0.0, -np.inf)
        taken = np.zeros(n_distances, dtype=np.int64)
        for place in range(min(dealt.shape[1], sizes.sum())):
            lacks += shares[user]
            wanted = 0
            while lacks[wanted] < lacks.max() - ROUNDING:
                wanted += 1
            lacks[wanted] -= 1.0
            code = wanted  # farther out where anything is left there, else nearer
            while code < n_distances and taken[code] == sizes[code]:
                code += 1
            if code == n_distances:
                code = wanted - 1
                while taken[code] == sizes[code]:
                    code -= 1
            dealt[user, place] = queues[code, taken[code]]
            taken[code] += 1
