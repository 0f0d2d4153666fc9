"""Products of a few states with a block of items, in the way that is fastest for their number."""

from __future__ import annotations

import numpy as np

SMALL_PRODUCT = 800
"""Scores up to which BLAS takes the vectors as they lie; beyond, it copies the block first."""
ONE_BY_ONE_UP_TO = 3
"""Up to so many states are multiplied singly: the block stays in the cache."""
ITEMS_FIRST_UP_TO = 24
"""Up to so many, BLAS is faster with the items in the rows of the product than in its columns."""


def multiply_into(scores: np.ndarray, states: np.ndarray, block: np.ndarray) -> None:
    """Write the products of states and items into the first columns of ``scores``.

    The bounds are measured, on OpenBLAS with 64 and 128 dimensions: where a handful of states
    asks for hundreds of items, the plain product costs three times as much as the best.

    Args:
        scores: to be filled, float32 ``[n, at least B]``.
        states: float32 ``[n, D]``.
        block: item vectors, float32 ``[B, D]``.
    """
    n_states, n_items = len(states), len(block)
    if n_states > ITEMS_FIRST_UP_TO or n_states * n_items <= SMALL_PRODUCT:
        np.matmul(states, block.T, out=scores[:, :n_items])
    elif n_states <= ONE_BY_ONE_UP_TO:
        for row, state in zip(scores, states, strict=True):
            np.dot(block, state, out=row[:n_items])
    else:
        scores[:, :n_items] = np.dot(block, states.T).T  # [n, B]
