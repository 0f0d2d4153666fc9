"""Full-history logistic regression: which cluster is liked next, given all that was touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from training.baselines.clusters.logistic_scores import score_touched
from training.baselines.clusters.visit_transitions import VisitTransitions
from training.baselines.clusters.visits import Pasts

MAX_ITERATIONS = 60
"""Of L-BFGS: its budget at each penalty, which starts from the last one's end."""
N_FEATURE_GROUPS = 3
"""Liked first, touched only, how recently liked."""

Cells = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Rows and columns of a matrix."""

# Shapes: T transitions, B pasts, N clusters, F = 3 N + 1 features.


@dataclass(frozen=True)
class LogisticModel:
    """A multinomial logistic regression: what its weights, float32 [F, N], add to popularity.

    ``popularity`` is the logarithm of each cluster's share of the transitions, float32 [N].
    """

    weights: NDArray[np.float32]
    popularity: NDArray[np.float32]
    decay: float

    def score(self, pasts: Pasts) -> NDArray[np.float64]:
        """Return the score of every cluster after these pasts, [B, N], before any is dropped."""
        rows, clusters, liked, ages = _flatten(pasts)
        offsets = np.searchsorted(rows, np.arange(len(pasts) + 1))
        recency = self.decay ** ages.astype(np.float32)
        scores: NDArray[np.float64] = score_touched(
            self.weights, self.popularity, offsets, clusters, liked, recency
        )
        return scores


def fit_logistic(
    transitions: VisitTransitions, penalties: Sequence[float], decay: float
) -> list[LogisticModel]:
    """Return one model for each penalty, see :func:`fit_on_features`.

    Args:
        examples: transitions and all that was touched before each.
        penalties: L2 weights, in transitions; the strongest leave popularity.
        decay: of a liked cluster's recency, from one moment to the next newer one.
    """
    rows, entries = transitions.rows_of_earlier()
    clusters = transitions.clusters[entries]
    shape = (len(transitions), transitions.n_clusters)
    features = _build_features(
        rows,
        clusters,
        transitions.liked_first[entries],
        transitions.ages(rows, entries),
        shape,
        decay,
    )
    return fit_on_features(features, (rows, clusters), transitions.targets, penalties, decay)


def fit_on_features(
    features: csr_matrix,
    touched: Cells,
    targets: NDArray[np.int64],
    penalties: Sequence[float],
    decay: float,
) -> list[LogisticModel]:
    """Return one model for each penalty, fitted on all transitions together.

    The softmax of a transition runs over the clusters not touched before it. L-BFGS (Liu and
    Nocedal, 1989), from the strongest penalty to the weakest, each starting where the one before
    ended.

    Args:
        features: of what was touched before each transition, float32 [T, F].
        touched: the cells (transition, cluster) of what was touched.
        targets: the novel clusters, [T].
        penalties: L2 weights, in transitions; the strongest leave popularity.
        decay: of a liked cluster's recency, as the features have it.
    """
    n_clusters = features.shape[1] // N_FEATURE_GROUPS
    counts = np.bincount(targets, minlength=n_clusters) + 1.0
    popularity = np.log(counts / counts.sum()).astype(np.float32)
    weights = np.zeros((features.shape[1], n_clusters))
    found: dict[float, LogisticModel] = {}
    for penalty in sorted(set(penalties), reverse=True):
        weights = _fit_weights(features, popularity, touched, targets, weights, penalty)
        found[penalty] = LogisticModel(weights.astype(np.float32), popularity, decay)
    return [found[penalty] for penalty in penalties]


def featurise_pasts(pasts: Pasts, n_clusters: int, decay: float) -> tuple[csr_matrix, Cells]:
    """Return features, float32 [B, F], and the cells (past, cluster) of what was touched."""
    rows, clusters, liked, ages = _flatten(pasts)
    shape = (len(pasts), n_clusters)
    return _build_features(rows, clusters, liked, ages, shape, decay), (rows, clusters)


def _flatten(
    pasts: Pasts,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64]]:
    """Return the past, the cluster, whether it was liked first, and its age, of each entry."""
    rows = np.repeat(np.arange(len(pasts)), [len(each) for each in pasts.clusters])
    clusters = np.array([c for each in pasts.clusters for c in each], dtype=np.int64)
    liked = np.array([flag for each in pasts.liked_first for flag in each], dtype=np.bool_)
    ages = np.array([age for each in pasts.ages for age in each], dtype=np.int64)
    return rows, clusters, liked, ages


def _fit_weights(
    features: csr_matrix,
    popularity: NDArray[np.float32],
    touched: Cells,
    targets: NDArray[np.int64],
    start: NDArray[np.float64],
    penalty: float,
) -> NDArray[np.float64]:
    transposed = features.T.tocsr()  # [F, T]
    rows = np.arange(len(targets))

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.reshape(start.shape)
        logits = features @ weights.astype(np.float32) + popularity  # [T, N]
        logits[touched] = -np.inf
        logits -= logits.max(axis=1, keepdims=True)
        wanted = logits[rows, targets].astype(np.float64)
        probabilities = np.exp(logits, out=logits)
        totals = probabilities.sum(axis=1, keepdims=True)  # [T, 1]
        value = (np.log(totals.astype(np.float64)).ravel() - wanted).sum()
        value += penalty * (weights**2).sum() / 2
        probabilities /= totals
        probabilities[rows, targets] -= 1
        gradient = (transposed @ probabilities).astype(np.float64) + penalty * weights  # [F, N]
        return float(value), gradient.ravel()

    from scipy.optimize import minimize  # a service, which fits nothing, starts without it

    if not len(targets):
        return start
    options = {"maxiter": MAX_ITERATIONS, "ftol": 1e-6}
    found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x).reshape(start.shape)


def _build_features(
    rows: NDArray[np.int64],
    clusters: NDArray[np.int64],
    liked: NDArray[np.bool_],
    ages: NDArray[np.int64],
    shape: tuple[int, int],
    decay: float,
) -> csr_matrix:
    """Return the features of pasts given as one entry per past and cluster, float32 [B, F]."""
    n_rows, n_clusters = shape
    recent = decay ** ages[liked].astype(np.float32)
    values = np.concatenate([np.ones(len(rows)), recent, np.ones(n_rows)]).astype(np.float32)
    columns = np.concatenate(
        [
            np.where(liked, clusters, n_clusters + clusters),
            2 * n_clusters + clusters[liked],
            np.full(n_rows, N_FEATURE_GROUPS * n_clusters),
        ]
    )
    row_indices = np.concatenate([rows, rows[liked], np.arange(n_rows)])
    return csr_matrix(
        (values, (row_indices, columns)), shape=(n_rows, N_FEATURE_GROUPS * n_clusters + 1)
    )
