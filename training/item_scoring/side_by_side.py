"""Scores of one state over some blocks, which lie side by side in one row."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import sub

import numpy as np

from training.item_scoring.blocks import Blocks
from training.item_scoring.top_places import top_of_row


@dataclass(slots=True)
class SideBySide:
    """What a query looks at. All but products is done on lists: that is faster for a handful.

    Attributes:
        scores: of the items of one block after the other, float32 ``[cells]``.
        firsts: the first place of each block.
        ends: the place after the last of each.
        stops: the cell after the last of each.
    """

    scores: np.ndarray
    firsts: list[int]
    ends: list[int]
    stops: list[int]

    @classmethod
    def score(cls, blocks: Blocks, numbers: Sequence[int], state: np.ndarray) -> SideBySide:
        """Return the scores of a state.

        Args:
            blocks: the item vectors.
            numbers: of the blocks to score, each once.
            state: float32 ``[D]``.
        """
        firsts = [blocks.first_of[number] for number in numbers]
        ends = [blocks.end_of[number] for number in numbers]
        products = [blocks.vectors_of[number].dot(state) for number in numbers]
        scores = np.concatenate(products) if products else np.empty(0, dtype=np.float32)
        return cls(scores, firsts, ends, list(accumulate(map(sub, ends, firsts))))

    def split(self, n_parts: int) -> list[SideBySide]:
        """Return the whole as one part, or each of its blocks as one; they share the scores."""
        if n_parts == 1:
            return [self]
        return [
            SideBySide(self.scores[stop - (end - first) : stop], [first], [end], [end - first])
            for first, end, stop in zip(self.firsts, self.ends, self.stops, strict=True)
        ]

    def add(self, places: np.ndarray, values: np.ndarray) -> None:
        """Add values to the scores of those places that lie in the blocks.

        Args:
            places: ascending, each once, int64 ``[n]``.
            values: float32 ``[n]``.
        """
        for found, shift in self._find(places):
            self.scores[places[found] - shift] += values[found]

    def bar(self, places: np.ndarray) -> None:
        """Keep places, ascending and each once, from being among the best."""
        for found, shift in self._find(places):
            self.scores[places[found] - shift] = -np.inf

    def best(self, k: int) -> tuple[list[int], list[float]]:
        """Return the best ``k`` places and their scores, best first, equal ones by place.

        The blocks must stand in ascending order.
        """
        best, cells = top_of_row(self.scores, k)
        shifts = self._shifts()
        return [cell + shifts[bisect_right(self.stops, cell)] for cell in cells], best

    def _shifts(self) -> list[int]:
        """Return what leads from a cell to its place, for each block."""
        return list(map(sub, self.ends, self.stops))

    def _find(self, places: np.ndarray) -> Iterator[tuple[slice, int]]:
        """Yield which places lie in each block that holds any, and the shift of its cells."""
        low, high = places.searchsorted([self.firsts, self.ends]).tolist()
        for start, end, shift in zip(low, high, self._shifts(), strict=True):
            if start < end:
                yield slice(start, end), shift
