"""Scores of one state over some blocks, which lie side by side in one row."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from operator import sub

import numpy as np

from training.recommender.blocks import Blocks
from training.recommender.top_places import top_of_row


class SideBySide:
    """What one query looks at. All but products is done on lists: that is faster for a handful.

    Args:
        blocks: the item vectors.
        numbers: of the blocks to score, ascending, each once.
        state: who asks, float32 ``[D]``.
    """

    def __init__(self, blocks: Blocks, numbers: Sequence[int], state: np.ndarray) -> None:
        self._firsts = [blocks.first_of[number] for number in numbers]
        self._ends = [blocks.end_of[number] for number in numbers]
        self._stops = list(accumulate(map(sub, self._ends, self._firsts)))
        self._shifts = list(map(sub, self._ends, self._stops))  # from a cell to its place
        products = [blocks.vectors_of[number].dot(state) for number in numbers]
        self._scores = np.concatenate(products) if products else np.empty(0, dtype=np.float32)

    def add(self, places: np.ndarray, values: np.ndarray) -> None:
        """Add values to the scores of those places that lie in the blocks.

        Args:
            places: ascending, each once, int64 ``[n]``.
            values: float32 ``[n]``.
        """
        for found, shift in self._find(places):
            self._scores[places[found] - shift] += values[found]

    def bar(self, places: np.ndarray) -> None:
        """Keep places, ascending and each once, from being among the best."""
        for found, shift in self._find(places):
            self._scores[places[found] - shift] = -np.inf

    def best(self, k: int) -> tuple[list[int], list[float]]:
        """Return the best ``k`` places and their scores, best first, equal ones by place."""
        best, cells = top_of_row(self._scores, k)
        return [cell + self._shifts[bisect_right(self._stops, cell)] for cell in cells], best

    def _find(self, places: np.ndarray) -> Iterator[tuple[slice, int]]:
        """Yield which places lie in each block that holds any, and the shift of its cells."""
        low, high = places.searchsorted([self._firsts, self._ends]).tolist()
        for start, end, shift in zip(low, high, self._shifts, strict=True):
            if start < end:
                yield slice(start, end), shift
