"""Lays clusters out on a plane: alike near alike, families together, no circle over another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

WIDTH, HEIGHT = 1000.0, 680.0
"""Of the plane, in pixels of a page; what follows is in these units, judged by eye, and no figure
hangs on it."""
FAMILY_WEIGHT = 0.6
"""Weight of each broader level in the position of a cluster."""
FILLED = 0.065
"""Share of the plane that circles cover."""
SMALLEST_RADIUS = 5.0
"""A circle that can still be pointed at."""
GAP = 26.0
"""Between circles: room for a name."""
MARGIN = 45.0
"""Left free at the edges, for names."""
NEIGHBOURS = 10
"""Perplexity of t-SNE, in the lower part of the 5 to 50 that its authors advise: clusters are
few."""
MOST_NEIGHBOURS_SHARE = 3
"""Perplexity is at most this part of the clusters: scikit-learn demands less than all."""
PUSHES = 400
"""Most rounds; without overlap they end sooner."""
EVENNESS = 0.5
"""0 leaves the distances of t-SNE, 1 keeps only the order along both axes."""


@dataclass(frozen=True)
class ClusterMap:
    """Where the n clusters of a level stand: centres ``x``, ``y`` and radii, float64 ``[n]``."""

    x: np.ndarray
    y: np.ndarray
    radius: np.ndarray


def lay_out_clusters(
    centres: np.ndarray, ancestors: Sequence[np.ndarray], traffic: np.ndarray
) -> ClusterMap:
    """Return the map of one level; the same input gives the same bits.

    The positions are those of t-SNE (van der Maaten & Hinton 2008) on the centres joined with those
    of the broader levels; circles, whose area is traffic, are then pushed apart.

    Args:
        centres: unit rows ``[n, d]``.
        ancestors: per broader level, the centre of each cluster's ancestor, ``[n, d]`` each.
        traffic: share of each cluster ``[n]``.
    """
    n_clusters = len(centres)
    shares = np.maximum(traffic, 0) / max(float(traffic.sum()), 1e-12)
    radius = np.sqrt(shares * FILLED * WIDTH * HEIGHT / np.pi)
    radius = radius.clip(SMALLEST_RADIUS, HEIGHT / 8).round(1)
    positions = _embed(np.hstack([centres, *(FAMILY_WEIGHT * above for above in ancestors)]))
    room = np.array([WIDTH, HEIGHT]) / 2 - max(MARGIN, float(radius.max()))
    positions = _spread_evenly(positions) * room if n_clusters > 1 else positions * 0
    positions = _push_apart(positions, radius, room) + np.array([WIDTH, HEIGHT]) / 2
    return ClusterMap(positions[:, 0].round(1), positions[:, 1].round(1), radius)


def _embed(vectors: np.ndarray) -> np.ndarray:
    """Return a position for each row, float64 ``[n, 2]``."""
    n_rows = len(vectors)
    if n_rows < 2 * MOST_NEIGHBOURS_SHARE:  # too few to speak of neighbours: a ring
        turns = np.arange(n_rows) / n_rows * 2 * np.pi
        return np.column_stack([np.cos(turns), np.sin(turns)])
    with threadpool_limits(1):  # several threads add up in any order
        model = TSNE(
            perplexity=min(NEIGHBOURS, n_rows / MOST_NEIGHBOURS_SHARE),
            init="pca",
            method="exact",
            random_state=0,
            n_jobs=1,
        )
        positions: np.ndarray = model.fit_transform(vectors.astype(np.float64))
    return positions.astype(np.float64)


def _spread_evenly(positions: np.ndarray) -> np.ndarray:
    """Return the positions within -1 to 1 on both axes, drawn half-way towards even spacing."""
    middle = (positions.max(axis=0) + positions.min(axis=0)) / 2
    scaled = (positions - middle) / np.maximum(np.ptp(positions, axis=0) / 2, 1e-9)
    ranks = positions.argsort(axis=0, kind="stable").argsort(axis=0)
    even = 2 * ranks / (len(positions) - 1) - 1
    spread: np.ndarray = (1 - EVENNESS) * scaled + EVENNESS * even
    return spread


def _push_apart(positions: np.ndarray, radius: np.ndarray, room: np.ndarray) -> np.ndarray:
    """Move circles that overlap apart, step by step, within the plane."""
    positions = positions.copy()
    free = WIDTH * HEIGHT / len(positions)  # many clusters leave no room for names
    least = radius[:, None] + radius[None, :] + min(GAP, np.sqrt(free) / 3.5)
    np.fill_diagonal(least, 0)
    for _ in range(PUSHES):
        between = positions[:, None, :] - positions[None, :, :]  # [n, n, 2]
        distance = np.maximum(np.linalg.norm(between, axis=2), 1e-6)
        overlap = np.maximum(least - distance, 0)
        if overlap.max() < 0.1:
            break
        moves = (overlap / distance)[:, :, None] * between / 2
        positions = np.clip(positions + 0.5 * moves.sum(axis=1), -room, room)
    return positions
