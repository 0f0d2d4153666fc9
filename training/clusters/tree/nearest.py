"""Finds the nearest centres of many points, some rows at a time: no n x k matrix is ever held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

CELLS_AT_ONCE = 16_000_000
"""Similarities held at one time: 64 MB."""


@dataclass(frozen=True)
class NearestCentres:
    """The centres that a point may go to; shapes: n points, c candidates, in no order.

    Attributes:
        ids: index of the centre, int32 ``[n, c]``.
        similarity: cosine to it, float32 ``[n, c]``.
    """

    ids: np.ndarray
    similarity: np.ndarray

    def choose(self, prices: np.ndarray) -> np.ndarray:
        """Return the best centre of each point after prices ``[k]``, int64 ``[n]``."""
        labels = np.empty(len(self.ids), dtype=np.int64)
        for rows in pieces(*self.ids.shape):
            best = (self.similarity[rows] - prices[self.ids[rows]]).argmax(axis=1)
            labels[rows] = np.take_along_axis(self.ids[rows], best[:, None], axis=1)[:, 0]
        return labels

    def favour(self, homes: np.ndarray, margin: float) -> NearestCentres:
        """Return them with each point nearer to its home, int64 ``[n]``, -1 for none."""
        at_home = self.ids == homes[:, None]
        return NearestCentres(self.ids, self.similarity + at_home * np.float32(margin))


def find_candidates(vectors: np.ndarray, centres: np.ndarray, count: int) -> NearestCentres:
    """Return the ``count`` nearest of the centres for each point, all of them if there are fewer.

    Args:
        vectors: unit rows, float32 ``[n, d]``.
        centres: unit rows, float32 ``[k, d]``.
        count: candidates of a point.
    """
    k = len(centres)
    width = min(count, k)
    ids = np.empty((len(vectors), width), dtype=np.int32)
    found = np.empty((len(vectors), width), dtype=np.float32)
    for rows in pieces(len(vectors), k):
        similarity = vectors[rows] @ centres.T  # [rows, k]
        if width < k:
            nearest = np.argpartition(similarity, k - width, axis=1)[:, k - width :]
        else:
            nearest = np.broadcast_to(np.arange(k), similarity.shape)
        ids[rows] = nearest
        found[rows] = np.take_along_axis(similarity, nearest, axis=1)
    return NearestCentres(ids, found)


def find_nearest(vectors: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return the nearest centre of each point, int64 ``[n]``; of two alike, the first.

    Args:
        vectors: unit rows ``[n, d]``.
        centres: unit rows ``[k, d]``.
    """
    labels = np.empty(len(vectors), dtype=np.int64)
    for rows in pieces(len(vectors), len(centres)):
        labels[rows] = (vectors[rows] @ centres.T).argmax(axis=1)
    return labels


def pieces(n_rows: int, width: int) -> Iterator[slice]:
    """Yield successive slices of rows that hold at most :data:`CELLS_AT_ONCE` cells each."""
    step = max(1, CELLS_AT_ONCE // max(width, 1))
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))
