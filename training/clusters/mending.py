"""Mends an almost balanced clustering: moves the points that lose least until the rules hold."""

from __future__ import annotations

import numpy as np

ROUNDS = 200


def relieve_full_clusters(
    vectors: np.ndarray,
    loads: np.ndarray,
    centres: np.ndarray,
    labels: np.ndarray,
    cap: float,
    min_points: int,
) -> np.ndarray:
    """Move points out of clusters above ``cap`` into those with room; return the new labels.

    Each round ranks the movable points by the similarity they lose per unit of load, and takes
    them as long as their cluster is too full, keeps ``min_points``, and their goal has room.

    Args:
        vectors: unit rows ``[n, d]``.
        loads: load of each point ``[n]``.
        centres: unit rows ``[k, d]``.
        labels: cluster of each point ``[n]``.
        cap: most load of a cluster.
        min_points: fewest points of a cluster.
    """
    labels = labels.copy()
    for _ in range(ROUNDS):
        sums = np.bincount(labels, weights=loads, minlength=len(centres))
        rows = np.flatnonzero((sums > cap)[labels] & (loads > 0))
        rows, goals, losses = _find_goals(vectors, loads, centres, labels, rows, cap - sums)
        order = np.lexsort((rows, losses / loads[rows]))
        taken = _take(rows[order], goals[order], loads, labels, sums, cap, min_points)
        if not taken.any():
            break
        labels[rows[order][taken]] = goals[order][taken]
    return labels


def lift_small_clusters(
    vectors: np.ndarray, centres: np.ndarray, labels: np.ndarray, min_points: int
) -> np.ndarray:
    """Give every cluster at least ``min_points`` points; return the new labels.

    A small cluster takes, one by one, the point nearest to its centre among those of clusters
    that can spare one. There must be ``min_points`` points per cluster.
    """
    labels = labels.copy()
    counts = np.bincount(labels, minlength=len(centres))
    for cluster in np.flatnonzero(counts < min_points):
        for _ in range(min_points - counts[cluster]):
            rows = np.flatnonzero((counts > min_points)[labels])
            row = rows[np.argmax(vectors[rows] @ centres[cluster])]
            counts[labels[row]] -= 1
            counts[cluster] += 1
            labels[row] = cluster
    return labels


def _find_goals(
    vectors: np.ndarray,
    loads: np.ndarray,
    centres: np.ndarray,
    labels: np.ndarray,
    rows: np.ndarray,
    room: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return movable rows, the best cluster with room for each, and the similarity it loses."""
    similarity = vectors[rows] @ centres.T  # [m, k]
    own = similarity[np.arange(len(rows)), labels[rows]]
    reachable = np.where(loads[rows, None] <= room[None, :], similarity, -np.inf)
    goals = reachable.argmax(axis=1)
    best = reachable[np.arange(len(rows)), goals]
    movable = np.isfinite(best)
    return rows[movable], goals[movable], (own - best)[movable]


def _take(
    rows: np.ndarray,
    goals: np.ndarray,
    loads: np.ndarray,
    labels: np.ndarray,
    sums: np.ndarray,
    cap: float,
    min_points: int,
) -> np.ndarray:
    """Say which of the ranked moves are made: greedily, best first, within every limit."""
    weights = loads[rows]
    sources = labels[rows]
    counts = np.bincount(labels, minlength=len(sums))
    still_full = sums[sources] - (_running_sum(sources, weights) - weights) > cap
    can_spare = _running_sum(sources, np.ones(len(rows))) <= (counts - min_points)[sources]
    # Filled by the wanted moves alone, whether taken or not: cautious, the next round sees more.
    wanted = still_full & can_spare
    has_room = _running_sum(goals, weights * wanted) <= (cap - sums)[goals]
    taken: np.ndarray = wanted & has_room
    return taken


def _running_sum(groups: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the running sum of ``values`` within each group, in the order given."""
    order = np.argsort(groups, kind="stable")
    totals = np.cumsum(values[order])
    starts = np.flatnonzero(np.r_[True, np.diff(groups[order]) != 0]) if len(groups) else order
    before = np.repeat(totals[starts] - values[order][starts], np.diff(np.r_[starts, len(groups)]))
    sums = np.empty(len(groups), dtype=np.float64)
    sums[order] = totals - before
    return sums
