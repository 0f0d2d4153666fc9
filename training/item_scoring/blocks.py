"""Item vectors cut into blocks: one for each cluster, and one for the whole catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from training.item_scoring.coarse_search import CoarseSearch

COARSE_FROM = 200_000
"""Items from which on the whole catalogue is searched in eight bits first."""
EVERYWHERE = -1
"""The number of the block that holds the whole catalogue."""


@dataclass(frozen=True)
class Blocks:
    """Blocks by their number: that of the cluster, or ``EVERYWHERE``.

    Everything is cut and listed once: a small query would else spend a quarter of its time on it.

    Attributes:
        vectors: of the items in order of place, float32 ``[I, D]``, contiguous.
        block_starts: cluster ``c`` fills the places ``block_starts[c]`` up to
            ``block_starts[c + 1]``; int64 ``[n_clusters + 1]``.
    """

    vectors: np.ndarray
    block_starts: np.ndarray

    @property
    def n_clusters(self) -> int:
        """Blocks besides the one that holds everything."""
        return len(self.block_starts) - 1

    @cached_property
    def firsts(self) -> np.ndarray:
        """The first place of each block, int64 ``[n_clusters + 1]``."""
        return np.append(self.block_starts[:-1], 0)

    @cached_property
    def ends(self) -> np.ndarray:
        """The place after the last of each block, int64 ``[n_clusters + 1]``."""
        return np.append(self.block_starts[1:], len(self.vectors))

    @cached_property
    def first_of(self) -> list[int]:
        """``firsts`` as plain numbers."""
        firsts: list[int] = self.firsts.tolist()
        return firsts

    @cached_property
    def end_of(self) -> list[int]:
        """``ends`` as plain numbers."""
        ends: list[int] = self.ends.tolist()
        return ends

    @cached_property
    def vectors_of(self) -> list[np.ndarray]:
        """The vectors of each block, views ``[B, D]``."""
        return [
            self.vectors[first:end] for first, end in zip(self.first_of, self.end_of, strict=True)
        ]

    @cached_property
    def columns_of(self) -> list[np.ndarray]:
        """The vectors of each block turned, contiguous ``[D, B]``: a copy, made at the first use.

        A product of several states with a block takes half the time so; one state alone is faster
        by the rows, and never needs the copy. Of the catalogue as a whole there is none.
        """
        turned = [np.ascontiguousarray(vectors.T) for vectors in self.vectors_of[:-1]]
        return [*turned, self.vectors[:0].T]

    @cached_property
    def coarse(self) -> CoarseSearch | None:
        """The catalogue in eight bits, made at the first use.

        ``None`` for a small catalogue, and where the processor has no instructions for it.
        """
        is_fast = torch.backends.cpu.get_cpu_capability() == "AVX512"
        return CoarseSearch(self.vectors) if is_fast and len(self.vectors) >= COARSE_FROM else None
