"""Products of a few states with a block of items, in the way that is fastest for their number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.item_scoring.blocks import EVERYWHERE, Blocks

ONE_BY_ONE_UP_TO = 5
"""Up to so many states are multiplied singly: the block stays in the cache."""
ONE_BY_ONE_FROM = 300
"""But not with fewer items than this, where the calls would cost more than the work."""


def multiply_into(
    rows: Sequence[np.ndarray], states: np.ndarray, blocks: Blocks, number: int
) -> None:
    """Write the products of states and the items of a block, a row for each state.

    The bounds are measured, on OpenBLAS with 64 and 128 dimensions: where a handful of states
    asks for hundreds of items, the plain product costs three times as much as the best.

    Args:
        rows: to be filled, float32 ``[B]`` each.
        states: float32 ``[n, D]``.
        blocks: the item vectors.
        number: of the block.
    """
    if len(states) == 1:
        np.dot(blocks.vectors_of[number], states[0], out=rows[0])
    elif number == EVERYWHERE:
        _copy(np.matmul(states, blocks.vectors.T), rows)
    elif len(states) <= ONE_BY_ONE_UP_TO and len(rows[0]) >= ONE_BY_ONE_FROM:
        for row, state in zip(rows, states, strict=True):
            np.dot(state, blocks.columns_of[number], out=row)
    else:
        _copy(np.matmul(states, blocks.columns_of[number]), rows)


def _copy(products: np.ndarray, rows: Sequence[np.ndarray]) -> None:
    for row, product in zip(rows, products, strict=True):
        row[:] = product
