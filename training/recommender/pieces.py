"""Pieces of blocks laid out in a buffer of scores, and where given places lie among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pieces:
    """Stretches of places, each with the cells of a flat buffer that hold their scores.

    Attributes:
        owner: whose list of places counts for a piece, int64 ``[N]``.
        firsts: the first place of each, int64 ``[N]``.
        ends: the place after the last, int64 ``[N]``.
        cells: the cell of the first place, int64 ``[N]``.
    """

    owner: np.ndarray
    firsts: np.ndarray
    ends: np.ndarray
    cells: np.ndarray

    def find(self, places: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return which of the places lie in a piece of their owner, and in which cell.

        What it costs grows with the places found, not with those given, but for a search.

        Args:
            places: of each owner, ascending, each once, int64.

        Returns:
            Positions in all the places one after the other, and the cell of each; int64 ``[M]``.
        """
        stacked = np.concatenate(places)
        beyond = int(max(self.ends.max(initial=0), stacked.max(initial=0))) + 1
        lengths = np.array([len(of_owner) for of_owner in places])
        # One ascending line of all owners' places, so that one search answers for all pieces.
        keys = stacked + np.repeat(np.arange(len(places)) * beyond, lengths)
        low = np.searchsorted(keys, self.owner * beyond + self.firsts)  # [N]
        high = np.searchsorted(keys, self.owner * beyond + self.ends)  # [N]
        counts = high - low
        piece = np.repeat(np.arange(len(counts)), counts)  # [M]
        chosen = np.arange(len(piece)) + (low - np.cumsum(counts) + counts)[piece]
        return chosen, stacked[chosen] + (self.cells - self.firsts)[piece]
