"""Lays a described tree out as the tables CLUSTERS and ITEM_CLUSTERS, and as a plot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from training.clusters.cluster_name import ClusterName
from training.clusters.representation.represent import Representation
from training.clusters.tree.tree import ClusterTree


def frame_clusters(
    tree: ClusterTree, names: Sequence[Sequence[ClusterName]], representation: Representation
) -> pl.DataFrame:
    """Return the table CLUSTERS, by level and id."""
    total = max(int(representation.traffic.sum()), 1)
    frames = []
    for level, (labels, parents) in enumerate(zip(tree.labels, tree.parents, strict=True)):
        n_clusters = len(tree.centres[level])
        traffic = np.bincount(labels, weights=representation.traffic, minlength=n_clusters)
        frames.append(
            pl.DataFrame(
                {
                    "level": np.full(n_clusters, level),
                    "cluster_id": np.arange(n_clusters),
                    "parent_id": parents if level else [None] * n_clusters,
                    "description": [name.text for name in names[level]],
                    "distinction": [name.distinction for name in names[level]],
                    "n_items": np.bincount(labels, minlength=n_clusters),
                    "traffic": traffic / total,
                },
                schema={
                    "level": pl.Int64,
                    "cluster_id": pl.Int64,
                    "parent_id": pl.Int64,
                    "description": pl.String,
                    "distinction": pl.String,
                    "n_items": pl.Int64,
                    "traffic": pl.Float32,
                },
            )
        )
    return pl.concat(frames)


def frame_item_clusters(tree: ClusterTree, item_ids: pl.Series) -> pl.DataFrame:
    """Return the table ITEM_CLUSTERS, by item and level."""
    frames = [
        pl.DataFrame([item_ids, pl.Series("cluster_id", labels, dtype=pl.Int64)]).select(
            "item_id", pl.lit(level, dtype=pl.Int64).alias("level"), "cluster_id"
        )
        for level, labels in enumerate(tree.labels)
    ]
    return pl.concat(frames).sort("item_id", "level")


def frame_traffic(clusters: pl.DataFrame, level: int) -> pl.DataFrame:
    """Return the plot of the serving level: clusters by traffic, which of them stand out."""
    return (
        clusters.filter(pl.col("level") == level)
        .sort(["traffic", "cluster_id"], descending=[True, False])
        .select(
            "cluster_id",
            "description",
            "n_items",
            pl.col("traffic").cast(pl.Float64).round(6),
        )
    )
