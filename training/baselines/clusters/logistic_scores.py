"""Adds up the weights of what was touched, compiled: of one person a product of matrices is slow.

Shapes: B pasts, V clusters touched of all pasts, N clusters, F = 3 N + 1 features.
"""

from __future__ import annotations

import numpy as np

from training.item_scoring.compiled import compiled


@compiled
def score_touched(
    weights: np.ndarray,
    popularity: np.ndarray,
    offsets: np.ndarray,
    clusters: np.ndarray,
    liked: np.ndarray,
    recency: np.ndarray,
) -> np.ndarray:
    """Return the score of every cluster after each past, float64 ``[B, N]``.

    Args:
        weights: float32 ``[F, N]``: of clusters that were liked first, of those only touched, of
            recency, and of everybody.
        popularity: what is added for each cluster, float32 ``[N]``.
        offsets: where the clusters of each past start, and the end, int64 ``[B + 1]``.
        clusters: of one past after the other, int64 ``[V]``.
        liked: whether each was liked first, ``[V]``.
        recency: how recent each was, float32 ``[V]``; read where it was liked.

    Raises:
        IndexError: a cluster is none.
    """
    n = len(popularity)
    for cluster in clusters:
        if not 0 <= cluster < n:
            raise IndexError("there is no such cluster")
    scores = np.empty((len(offsets) - 1, n))
    for past in range(len(scores)):
        of_past = scores[past]
        for other in range(n):
            of_past[other] = popularity[other] + weights[3 * n, other]
        for at in range(offsets[past], offsets[past + 1]):
            cluster = clusters[at]
            if liked[at]:
                own, recent, factor = weights[cluster], weights[2 * n + cluster], recency[at]
                for other in range(n):
                    of_past[other] += own[other] + factor * recent[other]
            else:
                own = weights[n + cluster]
                for other in range(n):
                    of_past[other] += own[other]
    return scores
