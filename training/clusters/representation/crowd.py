"""Asks the crowd which words matter: do the items that share a word also share their people?

``fountain`` gathers items that the same people like, ``durable`` or ``night`` do not. That tells
words of interest from words of advertising and from chance words of titles without any list.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

FULL_EVIDENCE = 0.5
PRIOR_ITEMS = 8.0


def weigh_terms(incidence: sp.csr_matrix, company: np.ndarray, floor: float) -> np.ndarray:
    """Return a weight from ``floor`` to 1 per term, float64 ``[n_terms]``.

    The evidence for a term is the mean cosine between the company of its items, beyond that of
    any two items, times the root of their number: a broad word may be less coherent than a narrow
    one and still mean something. Terms that few items with company bear stay half way.

    Args:
        incidence: which item has which term, ``[n_items, n_terms]``.
        company: collaborative vectors, unit rows or zero, ``[n_items, d]``.
        floor: weight of a term that means nothing to the crowd; 1 makes all alike.
    """
    has_company = company.any(axis=1).astype(np.float64)
    if not has_company.any():
        return np.ones(incidence.shape[1])
    present = sp.csr_matrix(incidence, dtype=np.float64, copy=True)
    present.data[:] = 1
    n_items = present.T @ has_company  # [n_terms]
    sums = present.T @ company.astype(np.float64)  # [n_terms, d]
    everyone = sp.csr_matrix(np.ones((1, len(company))))
    usual = _mean_cosine(everyone @ company.astype(np.float64), everyone @ has_company)
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
