"""Weighs words by coherence: do the items that share a word also share their people?

``fountain`` gathers items that the same people like, ``durable`` or ``night`` do not. That tells
words of interest from words of advertising and from chance words of titles without any list.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

FULL_EVIDENCE = 0.5
"""Mean cosine beyond the usual, times the root of the items, at which a term has its whole weight:
for example .1 over 25 items."""
PRIOR_ITEMS = 8.0
"""Items by which a weight is drawn half way; the cosines of fewer are chance."""


def weigh_terms(incidence: sp.csr_matrix, collaborative: np.ndarray, floor: float) -> np.ndarray:
    """Return a weight from ``floor`` to 1 per term, float64 ``[n_terms]``.

    The evidence for a term is the mean cosine between its items' collaborative vectors, beyond
    that of any two items, times the root of their number: a broad word may be less coherent than a
    narrow one and still mean something. Terms that few items with such a vector bear stay half
    way.

    Args:
        incidence: which item has which term, ``[n_items, n_terms]``.
        collaborative: vectors, unit rows or zero, ``[n_items, d]``.
        floor: weight of a term that tells nothing of its items' people; 1 makes all alike.
    """
    has_vector = collaborative.any(axis=1).astype(np.float64)
    if not has_vector.any():
        return np.ones(incidence.shape[1])
    present = sp.csr_matrix(incidence, dtype=np.float64, copy=True)
    present.data[:] = 1
    n_items = present.T @ has_vector  # [n_terms]
    sums = present.T @ collaborative.astype(np.float64)  # [n_terms, d]
    everyone = sp.csr_matrix(np.ones((1, len(collaborative))))
    usual = _mean_cosine(everyone @ collaborative.astype(np.float64), everyone @ has_vector)
    evidence = (_mean_cosine(sums, n_items) - usual) * np.sqrt(n_items) / FULL_EVIDENCE
    weight = floor + (1 - floor) * np.clip(evidence, 0, 1)
    halfway = (1 + floor) / 2
    blended: np.ndarray = (n_items * weight + PRIOR_ITEMS * halfway) / (n_items + PRIOR_ITEMS)
    return blended


def _mean_cosine(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the mean cosine of two different rows out of ``counts`` unit rows with these sums."""
    pairs = np.maximum(counts * (counts - 1), 1)
    mean: np.ndarray = (np.square(sums).sum(axis=1) - counts) / pairs
    return mean
