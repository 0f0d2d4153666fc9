"""User-kNN on clusters: what the people whose touched clusters are most alike came to like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from training.baselines.clusters.visits import Visits

CELLS_AT_ONCE = 8_000_000
"""Similarities in memory: 64 MB."""

# Shapes: B cases, U users, N clusters, K neighbours.


def score_by_neighbours(
    visits: Visits, touched: Sequence[Sequence[int]], counts: Sequence[float]
) -> list[NDArray[np.float64]]:
    """Return the score of every cluster, [B, N], with each of these numbers of neighbours.

    Likeness of two users is the cosine of their sets of touched clusters; each neighbour votes
    with it for the clusters they liked (Herlocker et al., "An algorithmic framework for
    performing collaborative filtering", 1999). The score is log(1 + votes). Of neighbours alike
    to the same degree those who stand first in ``visits`` are taken.

    Args:
        visits: of the possible neighbours.
        touched: clusters that the user of each case has touched, [B].
        counts: numbers of neighbours.
    """
    others = _lay_out(visits, np.ones(len(visits.users), dtype=bool))  # [U, N]
    likes = _lay_out(visits, visits.liked_at >= 0)  # [U, N]
    lengths = np.sqrt(np.maximum(others.sum(axis=1).A1, 1.0))  # [U]
    unit = others.multiply(1 / lengths[:, None]).tocsr().T  # [N, U]
    step = max(1, CELLS_AT_ONCE // max(visits.n_users, 1))
    parts = [
        _vote(touched[start : start + step], unit, likes, [int(count) for count in counts])
        for start in range(0, len(touched), step)
    ]
    empty = np.zeros((0, visits.n_clusters))
    return [
        np.concatenate([empty, *(piece[index] for piece in parts)]) for index in range(len(counts))
    ]


def _vote(
    touched: Sequence[Sequence[int]], unit: csr_matrix, likes: csr_matrix, counts: Sequence[int]
) -> list[NDArray[np.float64]]:
    n_users, n_clusters = likes.shape
    profiles = np.zeros((len(touched), n_clusters))  # [B, N]
    for row, clusters in enumerate(touched):
        profiles[row, list(clusters)] = 1.0
    profiles /= np.sqrt(np.maximum(profiles.sum(axis=1, keepdims=True), 1.0))
    similarities = np.asarray(profiles @ unit)  # [B, U]
    nearest = np.argsort(-similarities, axis=1, kind="stable")[:, : max(counts)]  # [B, K]
    votes = np.take_along_axis(similarities, nearest, axis=1)  # [B, K]
    scores = []
    for count in counts:
        chosen, weights = nearest[:, :count], votes[:, :count]
        rows = np.repeat(np.arange(len(touched)), chosen.shape[1])
        cells = (weights.ravel(), (rows, chosen.ravel()))
        ballots = csr_matrix(cells, shape=(len(touched), n_users))
        scores.append(np.log1p((ballots @ likes).toarray()))
    return scores


def _lay_out(visits: Visits, chosen: NDArray[np.bool_]) -> csr_matrix:
    cells = (np.ones(int(chosen.sum())), (visits.users[chosen], visits.clusters[chosen]))
    return csr_matrix(cells, shape=(visits.n_users, visits.n_clusters))
