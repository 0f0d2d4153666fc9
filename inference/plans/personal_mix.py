"""A mix of distances for one person: what is asked of everybody, moved by how they themselves lean.

A mix says what share of all places goes to each distance. Given out to everybody alike, somebody
who knows two clusters of one field gets as many places next door as somebody who knows twenty.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.alignment.alignment import EVEN_SHARES
from training.clusters.distance import DISTANCES
from training.item_scoring.compiled import compiled

# Shapes: B users, N clusters, K distances.

DECIMALS = 6
"""Sums of other order differ beyond them: a person gets the same mix alone and among others."""
SMALLEST = 1e-9  # share of a distance that a plan has nothing at


def planned_shares(scores: NDArray[np.float64], distances: NDArray[np.int8]) -> NDArray[np.float64]:
    """Return how much of each plan's probability lies at each distance, ``[B, K]``.

    Args:
        scores: log-probabilities of a plan up to a constant, ``[B, N]``; minus infinity where a
            cluster is not offered.
        distances: codes of :data:`DISTANCES`, ``[B, N]``.
    """
    masses = _sum_by_distance(
        np.ascontiguousarray(scores), np.ascontiguousarray(distances), len(DISTANCES)
    )
    return np.asarray(masses / np.maximum(masses.sum(axis=1, keepdims=True), SMALLEST))


def average_shares(scores: NDArray[np.float64], distances: NDArray[np.int8]) -> tuple[float, ...]:
    """Return what plans give each distance on average, nearest first; alike without any plan.

    The average is over those who have a cluster at that distance: where few are left far away,
    these few do not lean far.

    Args:
        scores: log-probabilities of many people's plans, ``[B, N]``; see :func:`planned_shares`.
        distances: codes of :data:`DISTANCES`, ``[B, N]``.
    """
    shares = planned_shares(scores, distances)
    n_having = (shares > 0).sum(axis=0)
    means = np.where(n_having > 0, shares.sum(axis=0) / np.maximum(n_having, 1), EVEN_SHARES)
    return tuple(means.tolist())


def personalise_mix(
    weights: NDArray[np.float64], shares: NDArray[np.float64], mean_shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return each person's mix, ``[B, K]``, in shares of one.

    ``q_uk`` is proportional to ``mix_k * s_uk / mean_k``: what the plan gives distance k, as if the
    shares of the distances among all people were those of the mix (Saerens, Latinne and
    Decaestecker, "Adjusting the outputs of a classifier to new a priori probabilities", 2002).
    Who leans as people do on average gets the mix itself.

    Args:
        weights: of the mix, ``[K]``.
        shares: of each plan by distance, ``[B, K]``.
        mean_shares: the mean of such shares over people who have clusters there, ``[K]``.

    >>> asked, mean = np.array([1.0, 2.0, 2.0]), np.array([0.25, 0.25, 0.5])
    >>> personalise_mix(asked, np.array([[0.25, 0.25, 0.5], [0.5, 0.25, 0.25]]), mean).tolist()
    [[0.2, 0.4, 0.4], [0.4, 0.4, 0.2]]
    """
    moved = weights * np.maximum(shares, SMALLEST) / np.maximum(mean_shares, SMALLEST)
    return np.asarray(np.round(moved / moved.sum(axis=1, keepdims=True), DECIMALS))


@compiled
def _sum_by_distance(
    scores: NDArray[np.float64], distances: NDArray[np.int8], n_distances: int
) -> NDArray[np.float64]:
    """Return the probability of each plan at each distance, up to a factor of the plan."""
    masses = np.zeros((len(scores), n_distances))
    for user in range(len(scores)):
        highest = -np.inf
        for score in scores[user]:
            highest = max(highest, score)
        if not np.isfinite(highest):
            continue
        for cluster in range(scores.shape[1]):
            code = distances[user, cluster]
            if 0 <= code < n_distances:
                masses[user, code] += np.exp(scores[user, cluster] - highest)
    return masses
