"""Finds the highest scores: exactly, best first, equal ones in order of index."""

from __future__ import annotations

import numpy as np


def top_k(scores: np.ndarray, k: int) -> np.ndarray:
    """Return the indices of the ``k`` highest finite scores, best first, equal ones ascending.

    Args:
        scores: ``[n]``.
        k: how many at most.
    """
    k = min(k, len(scores))
    if k <= 0:
        return np.empty(0, dtype=np.int64)
    threshold = np.partition(scores, len(scores) - k)[len(scores) - k]
    candidates = np.flatnonzero((scores >= threshold) & np.isfinite(scores))
    return candidates[np.argsort(-scores[candidates], kind="stable")][:k]
