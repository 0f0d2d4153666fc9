"""Mends an almost balanced clustering: moves the points that lose least until the rules hold.

Labels tell the cluster of each point, int64 ``[n]``; those given are left as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.clusters.tree.nearest import pieces

MAX_ROUNDS = 200
"""A round that moves nothing ends it earlier; as a rule a few do."""
SWAPS_PER_CLUSTER = 4
"""Bounds the time where no order of exchanges reaches the cap."""
SWAP_CHOICES = 8
"""Heaviest points of a full cluster that are tried: lighter ones free too little."""


@dataclass(frozen=True)
class Partition:
    """What is divided among clusters, and the rules; n points of d dimensions, k clusters.

    Attributes:
        vectors: unit rows ``[n, d]``.
        loads: load of each point ``[n]``.
        centres: unit rows ``[k, d]``.
        cap: most load of a cluster.
        min_points: fewest points of a cluster.
    """

    vectors: np.ndarray
    loads: np.ndarray
    centres: np.ndarray
    cap: float
    min_points: int

    def sum_loads(self, labels: np.ndarray) -> np.ndarray:
        """Return the load of each cluster ``[k]``."""
        return np.bincount(labels, weights=self.loads, minlength=len(self.centres))


def relieve_full_clusters(partition: Partition, labels: np.ndarray) -> np.ndarray:
    """Move points out of clusters above the cap into those with room; return the new labels.

    Each round ranks the movable points by the similarity they lose per unit of load, and takes
    them as long as their cluster is too full, keeps ``min_points``, and their goal has room.
    """
    labels = labels.copy()
    for _ in range(MAX_ROUNDS):
        sums = partition.sum_loads(labels)
        rows = np.flatnonzero((sums > partition.cap)[labels] & (partition.loads > 0))
        rows, goals, losses = _find_goals(partition, labels, rows, partition.cap - sums)
        # By loss per unit of load, as in a knapsack: one heavy point often costs less than many.
        order = np.lexsort((rows, losses / partition.loads[rows]))
        taken = _take(partition, labels, sums, rows[order], goals[order])
        if not taken.any():
            break
        labels[rows[order][taken]] = goals[order][taken]
    return labels


def swap_out_of_full_clusters(partition: Partition, labels: np.ndarray) -> np.ndarray:
    """Let full clusters exchange a heavy point for a lighter one; return the new labels.

    This helps where moving does not: a cluster of few heavy points can spare none, and no other
    has room for one of them. Each exchange brings the fuller of the two below what the full one
    had, to the cap if that can be; among those that do, it takes the one that loses least
    similarity. Numbers of points stay.
    """
    vectors, loads, centres = partition.vectors, partition.loads, partition.centres
    labels = labels.copy()
    sums = partition.sum_loads(labels)
    own = np.einsum("nd,nd->n", vectors, centres[labels])
    for _ in range(SWAPS_PER_CLUSTER * len(centres)):
        # The fullest first: exchanges only lower the highest load, so no two undo one another.
        full = int(np.argmax(sums))
        if sums[full] <= partition.cap:
            break
        swap = _find_swap(partition, labels, sums, own, full)
        if swap is None:
            break
        out, into = swap
        goal = int(labels[into])
        moved = loads[out] - loads[into]
        sums[full] -= moved
        sums[goal] += moved
        labels[out], labels[into] = goal, full
        for row in swap:
            own[row] = vectors[row] @ centres[labels[row]]
    return labels


def lift_small_clusters(partition: Partition, labels: np.ndarray) -> np.ndarray:
    """Give every cluster at least ``min_points`` points; return the new labels.

    A small cluster takes, one by one, the point nearest to its centre among those of clusters
    that can spare one, within the cap if any such point is light enough, else the lightest. There
    must be ``min_points`` points per cluster.
    """
    loads, min_points = partition.loads, partition.min_points
    labels = labels.copy()
    counts = np.bincount(labels, minlength=len(partition.centres))
    sums = partition.sum_loads(labels)
    for cluster in np.flatnonzero(counts < min_points):
        similarity = partition.vectors @ partition.centres[cluster]
        for _ in range(min_points - counts[cluster]):
            spare = (counts > min_points)[labels]
            # Few points may all be heavy: the count is a rule, the cap can be mended afterwards.
            light = spare & (sums[cluster] + loads <= partition.cap)
            if light.any():
                row = int(np.where(light, similarity, -np.inf).argmax())
            else:
                row = int(np.where(spare, loads, np.inf).argmin())
            for owner, step in ((labels[row], -1), (cluster, 1)):
                counts[owner] += step
                sums[owner] += step * loads[row]
            labels[row] = cluster
    return labels


def _find_swap(
    partition: Partition, labels: np.ndarray, sums: np.ndarray, own: np.ndarray, full: int
) -> tuple[int, int] | None:
    """Return the point to give and the point to take for it; ``None`` if no swap helps.

    Args:
        partition: the points.
        labels: cluster of each point ``[n]``.
        sums: load of each cluster ``[k]``.
        own: similarity of each point to its centre ``[n]``.
        full: the cluster that gives a heavy point.
    """
    vectors, loads, centres = partition.vectors, partition.loads, partition.centres
    members = np.flatnonzero(labels == full)
    others = np.flatnonzero(labels != full)
    goals = labels[others]
    gained = vectors[others] @ centres[full] - own[others]
    best: tuple[float, float, int, int] | None = None
    for member in members[np.argsort(-loads[members], kind="stable")][:SWAP_CHOICES]:
        moved = loads[member] - loads[others]
        fuller = np.maximum(np.maximum(sums[full] - moved, sums[goals] + moved), partition.cap)
        fuller[moved <= 0] = np.inf  # a heavier point in return would fill it further
        lost = own[member] - (centres @ vectors[member])[goals] - gained
        lowest = float(fuller.min(initial=np.inf))
        if lowest >= sums[full]:
            continue
        row = int(np.where(fuller <= lowest, lost, np.inf).argmin())
        found = (lowest, float(lost[row]), int(member), int(others[row]))
        best = found if best is None else min(best, found)
    return None if best is None else best[2:]


def _find_goals(
    partition: Partition, labels: np.ndarray, rows: np.ndarray, room: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return movable rows, the best cluster with room for each, and the similarity it loses."""
    goals = np.empty(len(rows), dtype=np.int64)
    losses = np.empty(len(rows))
    for part in pieces(len(rows), len(partition.centres)):
        similarity = partition.vectors[rows[part]] @ partition.centres.T  # [part, k]
        own = np.take_along_axis(similarity, labels[rows[part]][:, None], axis=1)[:, 0]
        reachable = np.where(
            partition.loads[rows[part], None] <= room[None, :], similarity, -np.inf
        )
        goals[part] = reachable.argmax(axis=1)
        losses[part] = own - reachable.max(axis=1)
    movable = np.isfinite(losses)
    return rows[movable], goals[movable], losses[movable]


def _take(
    partition: Partition, labels: np.ndarray, sums: np.ndarray, rows: np.ndarray, goals: np.ndarray
) -> np.ndarray:
    """Say which of the ranked moves are made: greedily, best first, within every limit."""
    cap, weights = partition.cap, partition.loads[rows]
    sources = labels[rows]
    counts = np.bincount(labels, minlength=len(sums))
    still_full = sums[sources] - (_running_sum(sources, weights) - weights) > cap
    can_spare = (
        _running_sum(sources, np.ones(len(rows))) <= (counts - partition.min_points)[sources]
    )
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
