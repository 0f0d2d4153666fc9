"""The serving level of a cluster tree, laid out for fast lookup: what other rooms read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from expectations.contracts.errors import UserError
from training.clusters.cluster_name import read_names
from training.clusters.distance import Ancestors, climb


@dataclass(frozen=True)
class Cluster:
    """An interest cluster in words: as the planner writes it, and as people read it."""

    cluster_id: int
    description: str
    name: str


@dataclass(frozen=True)
class ServingClusters:
    """The clusters of one level and the items in them.

    A cluster id is an index into ``descriptions`` and the ancestors. Items stand in ascending order
    of ``item_id``, ``cluster_of_item`` in the same order.

    Attributes:
        level: level of the tree this is, 0 at the top.
        descriptions: phrase of each cluster, ``[n_clusters]``.
        shown: the same as people read them: what only tells one from its like stands apart.
        ancestors: family and field of each cluster, by which distances are measured.
        item_ids: every item, ascending, ``[n_items]``.
        cluster_of_item: cluster id of each item, int64 ``[n_items]``.
    """

    level: int
    descriptions: tuple[str, ...]
    shown: tuple[str, ...]
    ancestors: Ancestors
    item_ids: tuple[str, ...]
    cluster_of_item: np.ndarray

    @property
    def n_clusters(self) -> int:
        """How many clusters the level has."""
        return len(self.descriptions)

    @cached_property
    def named(self) -> tuple[Cluster, ...]:
        """Every cluster in words."""
        words = zip(self.descriptions, self.shown, strict=True)
        return tuple(Cluster(cluster, *both) for cluster, both in enumerate(words))

    @cached_property
    def id_of_description(self) -> dict[str, int]:
        """The cluster of each description; no two have the same."""
        return {words: cluster for cluster, words in enumerate(self.descriptions)}

    @cached_property
    def _row_of_item(self) -> dict[str, int]:
        return {item: row for row, item in enumerate(self.item_ids)}

    def has_item(self, item_id: str) -> bool:
        """Say whether the tree knows this item."""
        return item_id in self._row_of_item

    def clusters_of(self, item_ids: Sequence[str]) -> np.ndarray:
        """Return the cluster ids of these items, int64, in their order.

        Raises:
            KeyError: an item is not in the tree.
        """
        rows = np.fromiter(
            (self._row_of_item[item] for item in item_ids), dtype=np.int64, count=len(item_ids)
        )
        clusters: np.ndarray = self.cluster_of_item[rows]
        return clusters

    def items_of(self, cluster_id: int) -> tuple[str, ...]:
        """Return the items of one cluster, ascending."""
        rows = np.flatnonzero(self.cluster_of_item == cluster_id)
        return tuple(self.item_ids[row] for row in rows)

    def item_cluster_frame(self) -> pl.DataFrame:
        """Return ``(item_id, cluster_id)``, one row an item: the frame to join tables with."""
        return pl.DataFrame(
            {"item_id": self.item_ids, "cluster_id": self.cluster_of_item},
            schema={"item_id": pl.String, "cluster_id": pl.Int64},
        )


def serving_clusters(
    clusters: pl.DataFrame, item_clusters: pl.DataFrame, level: int
) -> ServingClusters:
    """Cut one level out of the tables CLUSTERS and ITEM_CLUSTERS.

    Args:
        clusters: every node of the tree.
        item_clusters: the cluster of every item at every level.
        level: the level to serve, 0 at the top.

    Raises:
        UserError: the tree has no such level, or its ids are not 0 to n - 1.
    """
    nodes = clusters.filter(pl.col("level") == level).sort("cluster_id")
    if nodes.is_empty():
        depth = clusters["level"].n_unique() - 1
        raise UserError("clusters.level", f"is one of 0 to {depth}", "name one", str(level))
    if nodes["cluster_id"].to_list() != list(range(nodes.height)):
        raise UserError("clusters", "ids of a level run from 0 without gaps", "rebuild the tree")
    parents = [_parents_at(clusters, below_top) for below_top in range(1, level + 1)]
    members = item_clusters.filter(pl.col("level") == level).sort("item_id")
    return ServingClusters(
        level=level,
        descriptions=tuple(nodes["description"].to_list()),
        shown=tuple(name.shown for name in read_names(nodes)),
        ancestors=climb(parents, nodes.height),
        item_ids=tuple(members["item_id"].to_list()),
        cluster_of_item=members["cluster_id"].to_numpy().astype(np.int64),
    )


def _parents_at(clusters: pl.DataFrame, level: int) -> np.ndarray:
    """Return the cluster one level up of each cluster of a level, int64 ``[n_clusters]``."""
    nodes = clusters.filter(pl.col("level") == level).sort("cluster_id")
    return nodes["parent_id"].to_numpy().astype(np.int64)
