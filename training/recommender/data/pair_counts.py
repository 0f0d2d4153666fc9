"""Counts which items stood near one another, item by item: exactly, whatever the log's size.

Of one item at a time all events are looked up and what stands around them is added into one row as
wide as the catalogue; its heaviest cells are kept. So memory follows the cells that are kept and a
fixed number of events, never all the pairs that a log holds.

Shapes: I items, N events, U sequences, S events of the items at hand, R items at hand,
W steps that count, C cells kept.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from training.item_scoring.compiled import compiled
from training.recommender.config import NeighbourConfig
from training.recommender.data.histories import Sequences
from training.recommender.data.layout import FIRST_ITEM

EVENTS_AT_ONCE = 8_000_000
"""Events whose items are counted in one pass over the log: 96 MB, and 200 MB for their cells."""


def weigh_pairs(sequences: Sequences, n_items: int, config: NeighbourConfig) -> sparse.csr_matrix:
    """Return how strongly each item leads to each other one: near pairs by distance, order, likes.

    Of each item the ``config.max_neighbours`` heaviest are kept; equal ones at the edge go in order
    of row.

    Args:
        sequences: what each user liked, oldest first; may be mapped from disk.
        n_items: of the catalogue.
        config: how to count.

    Returns:
        From the item in a history (row) to the item to be scored (column), by row, float32
        ``[I, I]``, columns ascending.
    """
    items, offsets = np.asarray(sequences.items), sequences.offsets
    likes = _count_likes(items, FIRST_ITEM + n_items)  # [1 + I], by embedding index
    decays = np.float64(config.step_decay) ** np.arange(config.window)  # [W]
    forwards, backwards = _nonzero(decays), _nonzero(decays * config.backward)
    around = len(forwards) + len(backwards)
    earlier = likes.clip(min=1) ** -config.earlier_power  # [1 + I]
    later = likes.clip(min=1) ** -config.later_power  # [1 + I]
    lengths, columns, weights = [], [], []
    for first, end in _spans(likes, EVENTS_AT_ONCE):
        starts = np.concatenate([[0], np.cumsum(likes[first:end])])  # [R + 1]
        events = np.empty(starts[-1], dtype=np.int64)  # [S]
        owners = np.empty(starts[-1], dtype=np.int32)  # [S]
        _find_events(items, offsets, first, starts[:-1].copy(), events, owners)
        room = np.minimum(around * likes[first:end], config.max_neighbours).sum()
        kept = np.empty(end - first, dtype=np.int64)  # [R]
        found, strengths = np.empty(room, dtype=np.int32), np.empty(room, dtype=np.float32)
        events_of_items = (items, offsets, first, starts, events, owners)
        scales = (forwards, backwards, earlier, later)
        _weigh_rows(*events_of_items, *scales, config.max_neighbours, kept, found, strengths)
        lengths.append(kept)
        columns.append(found[: kept.sum()] - FIRST_ITEM)
        weights.append(strengths[: kept.sum()].copy())
    row_starts = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
    cells = (np.concatenate(weights), np.concatenate(columns), row_starts)
    return sparse.csr_matrix(cells, shape=(n_items, n_items))


def _nonzero(weights: np.ndarray) -> np.ndarray:
    """Return the weights up to where they vanish: every step counted adds something."""
    return weights[weights.astype(np.float32) > 0]


def _count_likes(items: np.ndarray, n_indices: int) -> np.ndarray:
    """Return the events of each embedding index, int64; counting whole would copy them all."""
    likes = np.zeros(n_indices, dtype=np.int64)
    for start in range(0, len(items), EVENTS_AT_ONCE):
        likes += np.bincount(items[start : start + EVENTS_AT_ONCE], minlength=n_indices)
    return likes


def _spans(likes: np.ndarray, n_events: int) -> list[tuple[int, int]]:
    """Return spans of indices with ``n_events`` events each at most, at least one index."""
    ends = np.cumsum(likes)
    spans, first = [], FIRST_ITEM
    while first < len(likes):
        last = int(np.searchsorted(ends, ends[first - 1] + n_events, side="right"))
        spans.append((first, max(first + 1, last)))
        first = spans[-1][1]
    return spans


@compiled
def _find_events(
    items: np.ndarray,
    offsets: np.ndarray,
    first: int,
    cursors: np.ndarray,
    events: np.ndarray,
    owners: np.ndarray,
) -> None:
    """Fill in where the items at hand stand, item by item and ascending, and in whose sequence.

    Args:
        items: int32 ``[N]``.
        offsets: int64 ``[U + 1]``.
        first: the first of the items at hand.
        cursors: where the events of each begin, int64 ``[R]``; where they end, when done.
        events: indices into ``items``, int64 ``[S]``.
        owners: the sequence of each, int32 ``[S]``.
    """
    for owner in range(len(offsets) - 1):
        for event in range(offsets[owner], offsets[owner + 1]):
            row = items[event] - first
            if 0 <= row < len(cursors):
                events[cursors[row]] = event
                owners[cursors[row]] = owner
                cursors[row] += 1


@compiled
def _weigh_rows(
    items: np.ndarray,
    offsets: np.ndarray,
    first: int,
    starts: np.ndarray,
    events: np.ndarray,
    owners: np.ndarray,
    forwards: np.ndarray,
    backwards: np.ndarray,
    earlier: np.ndarray,
    later: np.ndarray,
    per_row: int,
    kept: np.ndarray,
    columns: np.ndarray,
    weights: np.ndarray,
) -> None:
    """Fill in the heaviest cells of each of the items at hand.

    Args:
        items, offsets, first, events, owners: as for :func:`_find_events`, done.
        starts: of each item's events, and the end, int64 ``[R + 1]``.
        forwards: weight of what stands 1, 2, … steps later, float64 ``[W]``.
        backwards: of what stands earlier; may be empty.
        earlier, later: what weights are scaled by, float64 ``[1 + I]``.
        per_row: cells of an item, at most.
        kept: the cells of each item, int64 ``[R]``.
        columns, weights: of all cells, with room for them.
    """
    sums = np.zeros(len(later))  # [1 + I]
    touched = np.empty(len(later), dtype=np.int32)
    n_kept = 0
    for row in range(len(starts) - 1):
        n_touched = 0
        for at in range(starts[row], starts[row + 1]):
            event, owner = events[at], owners[at]
            for step in range(min(len(forwards), offsets[owner + 1] - 1 - event)):
                item = items[event + 1 + step]
                if sums[item] == 0:
                    touched[n_touched] = item
                    n_touched += 1
                sums[item] += forwards[step]
            for step in range(min(len(backwards), event - offsets[owner])):
                item = items[event - 1 - step]
                if sums[item] == 0:
                    touched[n_touched] = item
                    n_touched += 1
                sums[item] += backwards[step]
        own = first + row
        n_cells = 0
        for item in touched[:n_touched]:
            if item != own:
                touched[n_cells] = item
                n_cells += 1
                # in float32, where equal weights are equal whatever they were added up from
                sums[item] = np.float32(sums[item] * earlier[own] * later[item])
        sums[own] = 0
        cells = touched[:n_cells]
        chosen = np.sort(_heaviest(cells, sums, per_row))
        columns[n_kept : n_kept + len(chosen)] = chosen
        for item in chosen:
            weights[n_kept] = sums[item]
            n_kept += 1
        kept[row] = len(chosen)
        for item in cells:
            sums[item] = 0


@compiled
def _heaviest(cells: np.ndarray, weights: np.ndarray, n: int) -> np.ndarray:
    """Return the ``n`` of ``cells`` with the highest weights, the lower ones of equal weight."""
    if len(cells) <= n:
        return cells
    threshold = np.partition(weights[cells], len(cells) - n)[len(cells) - n]
    above = cells[weights[cells] > threshold]
    tied = np.sort(cells[weights[cells] == threshold])
    return np.concatenate((above, tied[: n - len(above)]))
