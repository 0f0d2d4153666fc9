"""How alike two clusters are: by who takes their items, and by the words they use."""

from __future__ import annotations

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfTransformer

from training.clusters.config import RepresentationConfig
from training.clusters.representation.reduction import scale_to_unit
from training.clusters.representation.text_vectors import choose_stems, count_words

# Shapes: N clusters, I items, W stems of words.


def collaborative_similarity(
    vectors: NDArray[np.floating], cluster_of: NDArray[np.int64], n_clusters: int
) -> NDArray[np.float64]:
    """Return the cosine of the mean collaborative vectors of two clusters, [N, N].

    Args:
        vectors: of each item, unit length or zero, [I, d], see :func:`fit_collaborative`.
        cluster_of: cluster of each item, [I].
        n_clusters: N.
    """
    belongs = _membership(cluster_of, n_clusters)
    return _cosines(belongs @ vectors.astype(np.float64))


def text_similarity(
    items: pl.DataFrame,
    cluster_of: NDArray[np.int64],
    n_clusters: int,
    config: RepresentationConfig,
) -> NDArray[np.float64]:
    """Return the cosine of the TF-IDF of all words of two clusters, [N, N]; zero without words.

    Args:
        items: the table ITEMS.
        cluster_of: cluster of each of its rows, [I].
        n_clusters: N.
        config: which words count, and what titles and categories weigh.
    """
    counts = count_words(items, choose_stems(items, config), config)  # [I, W]
    if counts.shape[1] == 0:
        return np.zeros((n_clusters, n_clusters))
    words = sp.csr_matrix(_membership(cluster_of, n_clusters) @ counts)  # [N, W]
    weighed = TfidfTransformer(sublinear_tf=True, norm="l2").fit_transform(words)
    return _cosines(weighed.toarray())


def _membership(cluster_of: NDArray[np.int64], n_clusters: int) -> sp.csr_matrix:
    ones = np.ones(len(cluster_of))
    shape = (n_clusters, len(cluster_of))
    return sp.csr_matrix((ones, (cluster_of, np.arange(len(cluster_of)))), shape=shape)


def _cosines(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cosines of rows, zero on the diagonal and for empty rows."""
    unit = scale_to_unit(vectors)
    cosines = np.asarray(unit @ unit.T, dtype=np.float64)
    np.fill_diagonal(cosines, 0.0)
    return cosines
