"""EASE on clusters: a linear model of who touches what together, in closed form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from training.baselines.visits import Visits

# Shapes: B users, N clusters.


def fit_ease(visits: Visits, penalty: float) -> NDArray[np.float64]:
    """Return the weights from touched clusters to others, [N, N], zero on the diagonal.

    Steck, "Embarrassingly shallow autoencoders for sparse data" (2019). ``penalty`` is the L2
    weight in users; its right size grows with the number of users.
    """
    ones = np.ones(len(visits.users))
    shape = (visits.n_users, visits.n_clusters)
    touched = csr_matrix((ones, (visits.users, visits.clusters)), shape=shape)
    gram = (touched.T @ touched).toarray()  # [N, N]
    inverse = np.linalg.inv(gram + penalty * np.eye(visits.n_clusters))
    weights = -inverse / np.diag(inverse)
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
