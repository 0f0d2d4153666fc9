"""EASE on clusters: a linear model of who touches what together, in closed form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import inv
from scipy.sparse import csr_matrix

from training.baselines.clusters.visits import Visits

# Shapes: B users, N clusters.


def fit_ease(visits: Visits, penalty: float) -> NDArray[np.float64]:
    """Return the weights from touched clusters to others, [N, N], zero on the diagonal.

    Steck, "Embarrassingly shallow autoencoders for sparse data" (2019). ``penalty`` is the L2
    weight in users; its right size grows with the number of users.
    """
    ones = np.ones(len(visits.users))
    shape = (visits.n_users, visits.n_clusters)
    touched = csr_matrix((ones, (visits.users, visits.clusters)), shape=shape)
    return np.asarray(solve_ease(touched.T @ touched, penalty), dtype=np.float64)


def solve_ease(together: csr_matrix, penalty: float) -> NDArray[np.floating]:
    """Return EASE's weights from how many users touched two things both, sparse [N, N].

    The inverse P of these counts with the penalty on their diagonal gives -P_ij / P_jj, zero on
    the diagonal. Works in the precision of the counts and takes two dense matrices of it.
    """
    gram = together.toarray()  # [N, N]
    gram[np.diag_indices_from(gram)] += penalty
    weights = inv(gram, overwrite_a=True, check_finite=False, assume_a="pos")  # [N, N]
    weights /= -np.diag(weights).copy()
    np.fill_diagonal(weights, 0.0)
    return np.asarray(weights)


def score_ease(
    weights: NDArray[np.float64], touched: Sequence[Sequence[int]]
) -> NDArray[np.float64]:
    """Return the score of every cluster for users who touched these, [B, N]."""
    rows = np.zeros((len(touched), len(weights)))  # [B, N]
    for row, clusters in enumerate(touched):
        rows[row, list(clusters)] = 1.0
    return np.asarray(rows @ weights)
