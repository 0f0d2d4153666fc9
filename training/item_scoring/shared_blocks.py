"""Scores of many queries over blocks that some of them share: each block is multiplied once.

Shapes: Q queries, U states, D dimension, N pieces (a piece is what one query asks of one block),
S pieces of one query at most, W items of all pieces of one query at most, K places wanted at
most, M matches.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from training.item_scoring.blocks import Blocks
from training.item_scoring.products import multiply_into
from training.item_scoring.top_places import top_columns

NO_PLACE = -1


class SharedBlocks:
    """What a batch of queries looks at: a row of scores for each, its pieces side by side.

    Args:
        blocks: the item vectors.
        plans: of each query, the numbers of its blocks, ascending, each once, one at least.
        states: who asks, float32 ``[U, D]``.
        row_of_query: the state of each query, int64 ``[Q]``.
    """

    def __init__(
        self,
        blocks: Blocks,
        plans: Sequence[Sequence[int]],
        states: np.ndarray,
        row_of_query: np.ndarray,
    ) -> None:
        numbers = np.array([number for plan in plans for number in plan])  # [N]
        lengths = np.array([len(plan) for plan in plans])  # [Q]
        sizes = blocks.ends[numbers] - blocks.firsts[numbers]  # [N]
        query = np.repeat(np.arange(len(plans)), lengths)  # [N]
        nth = np.arange(len(numbers)) - np.repeat(np.cumsum(lengths) - lengths, lengths)  # [N]
        widths = np.zeros((len(plans), lengths.max()), dtype=np.int64)  # [Q, S]
        widths[query, nth] = sizes
        ends = np.cumsum(widths, axis=1)
        self._starts = ends - widths  # [Q, S], the column of each piece's first place
        self._first_places = np.zeros_like(widths)  # [Q, S]
        self._first_places[query, nth] = blocks.firsts[numbers]
        self._scores = np.empty((len(plans), ends[:, -1].max()), dtype=np.float32)  # [Q, W]
        for row, end in zip(self._scores, ends[:, -1].tolist(), strict=True):
            row[end:] = -np.inf
        order = np.argsort(numbers, kind="stable")  # pieces of one block side by side
        numbers = numbers[order]
        self._query = query[order]  # [N]
        self._state = row_of_query[self._query]  # [N]
        self._firsts, self._ends = blocks.firsts[numbers], blocks.ends[numbers]  # [N]
        self._cells = (query * self._scores.shape[1] + self._starts[query, nth])[order]  # [N]
        line = self._scores.ravel()  # a view
        pieces = [
            line[i : i + n]
            for i, n in zip(self._cells.tolist(), sizes[order].tolist(), strict=True)
        ]
        askers = states[self._state]  # [N, D]
        edges = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
        for (start, end), number in zip(pairwise(edges), numbers[edges[:-1]].tolist(), strict=True):
            multiply_into(pieces[start:end], askers[start:end], blocks, number)

    def add(self, places: Sequence[np.ndarray], values: Sequence[np.ndarray]) -> None:
        """Add values to the scores of those places that lie in a state's blocks.

        Args:
            places: of each state, ascending, each once, int64.
            values: float32, as many.
        """
        chosen, cells = self._find(places, self._state)
        self._scores.ravel()[cells] += np.concatenate(values)[chosen]

    def bar(self, places: Sequence[np.ndarray]) -> None:
        """Keep places of each query, ascending and each once, from being among its best."""
        self._scores.ravel()[self._find(places, self._query)[1]] = -np.inf

    def best(self, queries: slice | Sequence[int], k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the best places of some queries, best first, equal ones by place.

        Returns:
            Places and scores, int64 and float32 ``[queries, K]``; ``NO_PLACE`` and minus infinity
            where there are no more.
        """
        best, columns = top_columns(self._scores[queries], k)  # [queries, K]
        starts, first_places = self._starts[queries], self._first_places[queries]  # [queries, S]
        # Empty pieces start where the next one does: the last that has begun is the one.
        piece = (columns[:, :, None] >= starts[:, None, :]).sum(axis=2) - 1  # [queries, K]
        shifts = np.take_along_axis(first_places - starts, piece, axis=1)
        places = columns + shifts  # [queries, K]
        places[best == -np.inf] = NO_PLACE
        return places, best

    def _find(self, places: Sequence[np.ndarray], owner: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return which of the places lie in a piece of their owner, and in which cell.

        Args:
            places: of each owner, ascending, each once, int64.
            owner: whose places count for a piece, int64 ``[N]``.

        Returns:
            Positions in all the places one after the other, and cells; int64 ``[M]`` each.
        """
        stacked = np.concatenate(places)
        beyond = int(max(self._ends.max(initial=0), stacked.max(initial=0))) + 1
        lengths = np.array([len(of_owner) for of_owner in places])
        # One ascending line of all owners' places, so that one search answers for all pieces.
        line = stacked + np.repeat(np.arange(len(places)) * beyond, lengths)
        low = np.searchsorted(line, owner * beyond + self._firsts)  # [N]
        high = np.searchsorted(line, owner * beyond + self._ends)  # [N]
        counts = high - low
        piece = np.repeat(np.arange(len(counts)), counts)  # [M]
        chosen = np.arange(len(piece)) + (low - np.cumsum(counts) + counts)[piece]
        return chosen, stacked[chosen] - self._firsts[piece] + self._cells[piece]
