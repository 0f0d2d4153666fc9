"""Products of a few states with a block of items, in the way that is fastest for their number."""

from __future__ import annotations

import numpy as np

ONE_BY_ONE_UP_TO = 3
"""Up to so many states are multiplied singly: the block stays in the cache, nothing is copied."""
ITEMS_FIRST_UP_TO = 24
"""Up to so many, BLAS is faster with the items in the rows of the product than in its columns."""


def multiply_into(scores: np.ndarray, states: np.ndarray, block: np.ndarray) -> None:
    """Write the products of states and items into the first columns of ``scores``.

    The bounds are measured, on OpenBLAS with 64 and 128 dimensions; the plain product of states
    and items copies the block before it starts, which costs three times the work itself where
    only a handful of states asks.

    Args:
        scores: to be filled, float32 ``[n, at least B]``.
        states: float32 ``[n, D]``.
        block: item vectors, float32 ``[B, D]``.
    """
    n_items = len(block)
    if len(states) <= ONE_BY_ONE_UP_TO:
        for row, state in zip(scores, states, strict=True):
            np.dot(block, state, out=row[:n_items])
    elif len(states) <= ITEMS_FIRST_UP_TO:
        scores[:, :n_items] = np.dot(block, states.T).T  # [n, B]
    else:
        np.matmul(states, block.T, out=scores[:, :n_items])
