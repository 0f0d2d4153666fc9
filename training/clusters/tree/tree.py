"""Builds the tree of clusters: the narrowest level from items, each broader one from the last."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from expectations.contracts.errors import UserError
from training.clusters.config import ClusterConfig
from training.clusters.representation.reduction import scale_to_unit
from training.clusters.representation.represent import Representation
from training.clusters.tree.balance import (
    Limits,
    Points,
    Start,
    cluster_evenly,
    continue_evenly,
    find_centres,
)
from training.clusters.tree.previous import NOT_THERE, PreviousTree

GROUPING_RESTARTS = 16
"""Grouping some hundred centres costs next to nothing, so that many starts are tried."""


@dataclass(frozen=True)
class ClusterTree:
    """A nested clustering; every list runs over levels, broad to narrow.

    Attributes:
        labels: cluster of each item per level, int64 ``[n_items]``.
        parents: cluster one level up per level, int64 ``[n_clusters]``; empty at level 0.
        centres: unit mean of the items per level, float32 ``[n_clusters, d]``.
    """

    labels: tuple[np.ndarray, ...]
    parents: tuple[np.ndarray, ...]
    centres: tuple[np.ndarray, ...]

    @property
    def n_levels(self) -> int:
        """How many levels the tree has."""
        return len(self.labels)


def build_tree(
    representation: Representation,
    config: ClusterConfig,
    rng: np.random.Generator,
    previous: PreviousTree | None = None,
) -> ClusterTree:
    """Cluster items into the narrowest level, then clusters into each broader one.

    Going upwards keeps the narrowest level, the one that is served, free of cuts that a broader
    level would impose, and a broader level is balanced because its parts are. Within a parent,
    ids follow traffic, the busiest first; children of a parent have successive ids. With a
    previous tree every level goes on from it; its ids come back with
    :func:`training.clusters.lineage.lineage.keep_ids`.

    Raises:
        UserError: the items do not fill the clusters.
    """
    n_items, narrowest = len(representation.vectors), config.counts[-1]
    if n_items < narrowest * config.min_items:
        fitting = n_items // config.min_items
        fewer = f"ask for at most {fitting} clusters, or " if fitting > 1 else ""
        raise UserError(
            "clusters.levels",
            f"{narrowest} clusters of at least {config.min_items} items need "
            f"{narrowest * config.min_items} items",
            f"{fewer}bring more items",
            f"{n_items} items",
        )
    points = weigh_items(representation)
    start = Start(previous.labels[-1], previous.config.margin) if previous else None
    labels = [_cluster(points, narrowest, _limits(config), rng, start)]
    for level in reversed(range(len(config.counts) - 1)):
        if previous:
            homes = _find_homes(points, labels[0], previous.labels[level])
            start = Start(homes, previous.config.margin)
        below = _gather(points, labels[0], representation.collaborative.shape[1], config)
        limits = Limits(config.balance, 1, config.iterations, GROUPING_RESTARTS)
        groups = _cluster(below, config.counts[level], limits, rng, start)[labels[0]]
        labels.insert(0, groups)
    return _order_tree(points, labels)


def weigh_items(representation: Representation) -> Points:
    """Return items with their traffic as load; without any traffic, items count alike.

    The weight of an item in its centre grows with its traffic too: a cluster stands where its
    people are. Items without traffic still have some.
    """
    traffic = representation.traffic.astype(np.float64)
    loads = traffic if traffic.any() else np.ones_like(traffic)
    return Points(representation.vectors, loads, 1 + traffic)


def _limits(config: ClusterConfig) -> Limits:
    return Limits(config.balance, config.min_items, config.iterations, config.restarts)


def _cluster(
    points: Points,
    n_clusters: int,
    limits: Limits,
    rng: np.random.Generator,
    start: Start | None,
) -> np.ndarray:
    if start is None:
        return cluster_evenly(points, n_clusters, limits, rng)
    return continue_evenly(points, n_clusters, limits, rng, start)


def _gather(points: Points, labels: np.ndarray, width: int, config: ClusterConfig) -> Points:
    """Return the clusters of a level as points, the last ``width`` columns at ``broad_weight``.

    What many people do one after another ties distant interests together, and the more so the
    broader a cluster is; text keeps broad clusters about something.
    """
    n_clusters = int(labels.max()) + 1
    centres = find_centres(points, labels, n_clusters)
    share = config.representation.broad_weight
    text, collaborative = scale_to_unit(centres[:, :-width]), scale_to_unit(centres[:, -width:])
    joined = np.hstack([text * np.sqrt(1 - share), collaborative * np.sqrt(share)])
    return Points(
        scale_to_unit(joined),
        np.bincount(labels, weights=points.loads, minlength=n_clusters),
        np.bincount(labels, weights=points.masses, minlength=n_clusters),
    )


def _find_homes(points: Points, labels: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return the previous broad cluster that most of each cluster's mass lay in, or NOT_THERE."""
    known = np.flatnonzero(before != NOT_THERE)
    shares = np.zeros((int(labels.max()) + 1, int(before.max()) + 1))
    np.add.at(shares, (labels[known], before[known]), points.masses[known])
    homes: np.ndarray = np.where(shares.any(axis=1), shares.argmax(axis=1), NOT_THERE)
    return homes


def _order_tree(points: Points, labels: list[np.ndarray]) -> ClusterTree:
    """Number the clusters of each level in tree order, the busiest first within a parent."""
    ordered: list[np.ndarray] = []
    parents: list[np.ndarray] = []
    for level_labels in labels:
        above = ordered[-1] if ordered else np.zeros_like(level_labels)
        n_clusters = int(level_labels.max()) + 1
        parent = np.zeros(n_clusters, dtype=np.int64)
        parent[level_labels] = above
        load = np.bincount(level_labels, weights=points.loads, minlength=n_clusters)
        order = np.lexsort((np.arange(n_clusters), -load, parent))
        rank = np.empty(n_clusters, dtype=np.int64)
        rank[order] = np.arange(n_clusters)
        parents.append(parent[order] if ordered else np.empty(0, dtype=np.int64))
        ordered.append(rank[level_labels])
    centres = tuple(find_centres(points, found, int(found.max()) + 1) for found in ordered)
    return ClusterTree(tuple(ordered), tuple(parents), centres)
