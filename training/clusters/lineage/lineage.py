"""Follows interests from a previous tree into the present one, and gives them their ids back.

Two clusters are the same interest as far as they share their items, by traffic, and stand at the
same place. Which continues which is the assignment with the largest total (Kuhn 1955), over pairs
that are alike enough; tracing clusters by the weight of shared members follows MONIC (Spiliopoulou
et al. 2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from training.clusters.cluster_name import ClusterName
from training.clusters.representation.represent import Representation
from training.clusters.tree.balance import Points, find_centres
from training.clusters.tree.previous import NOT_THERE, PreviousTree
from training.clusters.tree.tree import ClusterTree, weigh_items

OVERLAP_PART = 0.75
"""Of the likeness of two clusters; the rest is how near their centres are. Members say more than a
direction, which alone decides where two trees share few items. Margins and what they keep:
docs/research/clusters.md."""
SAME_INTEREST = 0.6
"""Reached by half of the weight in common and centres at a cosine of .9."""


@dataclass(frozen=True)
class LevelLineage:
    """How the n clusters of one level follow from those before; both numbered by the kept ids.

    Weight is an item's training interactions plus one.

    Attributes:
        overlap: weight of the items in previous cluster (row) and present one (column), of those
            in both trees, float64 ``[n, n]``.
        continues: the present cluster is the interest that its id has meant, bool ``[n]``.
        newcomers: weight of a present cluster's items that the previous tree did not have,
            float64 ``[n]``.
        stayers: how many items of a previous cluster are still in the catalogue, int64 ``[n]``.
    """

    overlap: np.ndarray
    continues: np.ndarray
    newcomers: np.ndarray
    stayers: np.ndarray


def keep_ids(
    tree: ClusterTree, previous: PreviousTree, representation: Representation
) -> tuple[ClusterTree, tuple[LevelLineage, ...]]:
    """Return the tree with the ids of its previous interests, and how its clusters came about.

    Ids stay dense: a cluster that continues none takes the id of one that has ended, the busiest
    the lowest. Only ids change; the tree stays as nested as it was.

    Args:
        tree: with as many clusters per level as ``previous``.
        previous: over the same items.
        representation: what was clustered.
    """
    points = weigh_items(representation)
    weights = representation.traffic + 1.0
    labels: list[np.ndarray] = []
    parents: list[np.ndarray] = []
    centres: list[np.ndarray] = []
    lineages = []
    above = np.zeros(1, dtype=np.int64)
    for level, found in enumerate(tree.labels):
        before, n = previous.labels[level], len(tree.centres[level])
        overlap = _weigh_overlap(before, found, weights, n)
        likeness = _compare(points, before, tree.centres[level], overlap)
        ids = _assign_ids(likeness, np.bincount(found, weights=weights, minlength=n))
        order = np.argsort(ids)
        labels.append(ids[found])
        parents.append(above[tree.parents[level]][order] if level else tree.parents[level])
        centres.append(tree.centres[level][order])
        above = ids
        known = before != NOT_THERE
        lineages.append(
            LevelLineage(
                overlap=overlap[:, order],
                continues=likeness[np.arange(n), order] >= SAME_INTEREST,
                newcomers=np.bincount(labels[-1], weights=weights * ~known, minlength=n),
                stayers=np.bincount(before[known], minlength=n),
            )
        )
    return ClusterTree(tuple(labels), tuple(parents), tuple(centres)), tuple(lineages)


def keep_names(
    lineages: Sequence[LevelLineage], previous: PreviousTree
) -> tuple[dict[int, ClusterName], ...]:
    """Return, per level, the name of every cluster that continues a previous interest."""
    return tuple(
        {int(cluster): names[cluster] for cluster in np.flatnonzero(lineage.continues)}
        for lineage, names in zip(lineages, previous.names, strict=True)
    )


def _weigh_overlap(
    before: np.ndarray, found: np.ndarray, weights: np.ndarray, n_clusters: int
) -> np.ndarray:
    known = np.flatnonzero(before != NOT_THERE)
    overlap = np.zeros((n_clusters, n_clusters))
    np.add.at(overlap, (before[known], found[known]), weights[known])
    return overlap


def _compare(
    points: Points, before: np.ndarray, centres: np.ndarray, overlap: np.ndarray
) -> np.ndarray:
    """Return how alike a previous (row) and a present cluster (column) are, 0 to 1, ``[n, n]``.

    The centre of a previous cluster is that of its items in the present representation: two
    representations share no axes.
    """
    sizes = overlap.sum(axis=1)[:, None] + overlap.sum(axis=0)[None, :]
    shared = 2 * overlap / np.maximum(sizes, 1e-12)  # Dice (1945), weighted
    known = before != NOT_THERE
    there = Points(points.vectors[known], points.loads[known], points.masses[known])
    nearness = np.maximum(find_centres(there, before[known], len(centres)) @ centres.T, 0)
    likeness: np.ndarray = OVERLAP_PART * shared + (1 - OVERLAP_PART) * nearness
    return likeness


def _assign_ids(likeness: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the id of each present cluster, int64 ``[n]``, every id once."""
    rows, columns = linear_sum_assignment(
        np.where(likeness >= SAME_INTEREST, likeness, 0), maximize=True
    )
    same = likeness[rows, columns] >= SAME_INTEREST
    ids = np.full(len(likeness), NOT_THERE, dtype=np.int64)
    ids[columns[same]] = rows[same]
    free = np.setdiff1d(np.arange(len(ids)), rows[same])
    new = np.flatnonzero(ids == NOT_THERE)
    ids[new[np.lexsort((new, -weights[new]))]] = free
    return ids
