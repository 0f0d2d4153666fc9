"""Adds up what the items of a history lead to, compiled: a request brings one short history.

Shapes: I items, C cells, H items of all histories, U histories, P items that are led to, of all.
"""

from __future__ import annotations

import numpy as np

from training.item_scoring.compiled import compiled

FLAGS_AT_ONCE = 8
"""Flags looked at together, as one number of 64 bits: nearly all of them are zero."""


@compiled
def share_neighbours(
    row_starts: np.ndarray,
    columns: np.ndarray,
    weights: np.ndarray,
    rows: np.ndarray,
    offsets: np.ndarray,
    by_age: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what each history leads to: items ascending, each once, and the share of each.

    Args:
        row_starts: where the cells of each item start, and the end, ``[I + 1]``.
        columns: the item that each cell leads to, ``[C]``.
        weights: of the cells, float32 ``[C]``.
        rows: items of one history after the other, oldest first, int64 ``[H]``.
        offsets: where each history starts, and the end, int64 ``[U + 1]``.
        by_age: weight of a history's newest item, of the one before, …; float32. Older items than
            it has weights for do not count.

    Returns:
        Items and shares, int64 and float32 ``[P]``, and where those of each history start, and
        the end, int64 ``[U + 1]``. The shares of a history sum to 1.
    """
    n_items = len(row_starts) - 1
    n_histories = len(offsets) - 1
    sums = np.zeros(n_items, np.float32)
    flags = np.zeros(-(-n_items // FLAGS_AT_ONCE) * FLAGS_AT_ONCE, np.uint8)
    words = flags.view(np.uint64)
    starts = np.zeros(n_histories + 1, np.int64)
    items, found = np.empty(0, np.int64), np.empty(0, np.float32)
    for history in range(n_histories):
        n_cells = 0
        oldest = max(offsets[history], offsets[history + 1] - len(by_age))
        for at in range(oldest, offsets[history + 1]):
            weight = by_age[offsets[history + 1] - 1 - at]
            first, end = row_starts[rows[at]], row_starts[rows[at] + 1]
            for cell in range(first, end):
                sums[columns[cell]] += weight * weights[cell]
                flags[columns[cell]] = 1
            n_cells += end - first
        n, total = starts[history], 0.0
        room = n + min(n_cells, n_items)
        if room > len(items):
            items = _lengthen(items, max(room, 2 * len(items)))
            found = _lengthen(found, max(room, 2 * len(found)))
        for word in range(len(words)):
            if words[word]:
                words[word], first = 0, word * FLAGS_AT_ONCE
                for item in range(first, min(first + FLAGS_AT_ONCE, n_items)):
                    if sums[item] > 0:
                        items[n], found[n] = item, sums[item]
                        total += sums[item]
                        sums[item] = 0
                        n += 1
        for at in range(starts[history], n):
            found[at] /= np.float32(total)
        starts[history + 1] = n
    return items[: starts[-1]], found[: starts[-1]], starts


@compiled
def _lengthen(values: np.ndarray, length: int) -> np.ndarray:
    longer = np.empty(length, values.dtype)
    longer[: len(values)] = values
    return longer
