"""Lays a cluster tree out as circles within circles, so that distances can be seen.

Clusters of one family lie in one circle, families of one field in a larger one: what is next door,
in a new family and in a new field is a step within the first, the second, and out of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.serving.browse.circle_packing import enclose, pack_circles

SIZE = 1000.0
"""The longer side of the map. What follows is judged by eye, and no figure hangs on it."""
GAP = 0.22
"""Between clusters, in radii of one."""
FAMILY_MARGIN = 0.35
"""Between a family's clusters and its edge, in radii of a cluster."""
FIELD_MARGIN = 0.95
"""Between what a field holds and its edge: room for its name."""


@dataclass(frozen=True)
class LevelCircles:
    """The circles of one level: centres ``x``, ``y`` and radii, float64 ``[n_clusters]``."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    radius: NDArray[np.float64]


@dataclass(frozen=True)
class TreeLayout:
    """The circles of every level, broad to narrow, on a plane of ``width`` by ``height``."""

    width: float
    height: float
    levels: tuple[LevelCircles, ...]


def lay_out_tree(
    centres: Sequence[NDArray[np.floating]], parents: Sequence[NDArray[np.int64]]
) -> TreeLayout:
    """Return the circles of every level; the same tree gives the same bits.

    Clusters of the narrowest level are all of one size. Of what lies in one circle alike is near
    alike, by the cosine of the centres.

    Args:
        centres: of each level down to the one that is served, unit rows, ``[n_clusters, d]``.
        parents: cluster one level up per level, ``[n_clusters]``; that of level 0 is not read.
    """
    narrowest = len(centres) - 1
    radii = [np.ones(len(level)) for level in centres]
    inside = [np.zeros((len(level), 2)) for level in centres]  # from the centre of the parent
    for level in range(narrowest, 0, -1):
        margin = FIELD_MARGIN if level == 1 else FAMILY_MARGIN
        for parent in range(len(centres[level - 1])):
            members = np.flatnonzero(parents[level] == parent)
            if len(members):
                around = radii[level][members] + GAP
                positions = pack_circles(around, centres[level][members])
                middle, reach = enclose(positions, around)
                inside[level][members] = positions - middle
                radii[level - 1][parent] = reach + margin
    around = radii[0] + GAP
    positions = pack_circles(around, centres[0])
    corner = (positions - around[:, None]).min(axis=0)
    inside[0] = positions - corner
    extent = (inside[0] + around[:, None]).max(axis=0)
    scale = SIZE / float(extent.max())
    found, above = [], np.zeros((1, 2))
    for level in range(narrowest + 1):
        held_by = parents[level] if level else np.zeros(len(centres[0]), dtype=np.int64)
        above = above[held_by] + inside[level]
        x, y = (above * scale).round(1).T
        found.append(LevelCircles(x, y, (radii[level] * scale).round(1)))
    width, height = (extent * scale).round(1).tolist()
    return TreeLayout(width, height, tuple(found))
