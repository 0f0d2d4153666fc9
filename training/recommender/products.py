"""Products of a few states with a block of items, in the way that is fastest for their number."""

from __future__ import annotations

import numpy as np

from training.recommender.blocks import EVERYWHERE, Blocks

ONE_BY_ONE_UP_TO = 5
"""Up to so many states are multiplied singly: the block stays in the cache."""
ONE_BY_ONE_FROM = 300
"""But not with fewer items than this, where the calls would cost more than the work."""


def multiply_into(scores: np.ndarray, states: np.ndarray, blocks: Blocks, number: int) -> None:
    """Write the products of states and the items of a block into the first columns of ``scores``.

    The bounds are measured, on OpenBLAS with 64 and 128 dimensions: where a handful of states
    asks for hundreds of items, the plain product costs three times as much as the best.

    Args:
        scores: to be filled, float32 ``[n, at least B]``.
        states: float32 ``[n, D]``.
        blocks: the item vectors.
        number: of the block.
    """
    n_states, n_items = len(states), len(blocks.vectors_of[number])
    if n_states == 1:
        np.dot(blocks.vectors_of[number], states[0], out=scores[0, :n_items])
    elif number == EVERYWHERE:
        np.matmul(states, blocks.vectors.T, out=scores[:, :n_items])
    elif n_states <= ONE_BY_ONE_UP_TO and n_items >= ONE_BY_ONE_FROM:
        for row, state in zip(scores, states, strict=True):
            np.dot(state, blocks.columns_of[number], out=row[:n_items])
    else:
        np.matmul(states, blocks.columns_of[number], out=scores[:, :n_items])
