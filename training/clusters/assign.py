"""Gives items their clusters without a rebuild: the ONE function that batch and serving share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl

from training.clusters.nearest import find_nearest
from training.clusters.represent import ItemEncoder
from training.clusters.tree import ClusterTree

NO_INTERACTIONS = pl.LazyFrame(
    schema={"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Datetime("us", UTC)}
)
"""For items that nobody has acted on yet."""


@dataclass(frozen=True)
class TreePlaces:
    """Where the clusters of a tree stand, and what gives an item its place among them.

    Attributes:
        encoder: fitted on what the tree was built from.
        centres: of each level, broad to narrow, unit rows, float32 ``[n_clusters, d]``.
        parents: cluster one level up per level, int64 ``[n_clusters]``; empty at level 0.
    """

    encoder: ItemEncoder
    centres: tuple[np.ndarray, ...]
    parents: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, tree: ClusterTree, encoder: ItemEncoder) -> TreePlaces:
        """Return the places of a tree that was built on the encoder's vectors."""
        return cls(encoder, tree.centres, tree.parents)


def assign_items(
    places: TreePlaces,
    items: pl.DataFrame,
    interactions: pl.LazyFrame = NO_INTERACTIONS,
    before: datetime | None = None,
) -> pl.DataFrame:
    """Return the table ITEM_CLUSTERS of these items; the tree stays as it is.

    An item goes to the narrowest cluster whose centre is nearest, and to that cluster's ancestors.
    Text or interactions are enough; an item with neither goes where the mean of all items goes.
    An item of the tree itself may stand elsewhere in it, where balance moved it: what the tree
    says of its own items counts.

    Args:
        places: of the tree.
        items: the table ITEMS.
        interactions: the table INTERACTIONS, with all that the users of these items did.
        before: interactions from this time on are not looked at; ``None`` looks at all.
    """
    represented = places.encoder.represent(items, interactions, before)
    labels = find_nearest(represented.vectors, places.centres[-1])
    frames = []
    for level in reversed(range(len(places.centres))):
        columns = {"cluster_id": pl.Series(labels, dtype=pl.Int64)}
        frames.append(represented.item_ids.to_frame("item_id").with_columns(level=level, **columns))
        labels = places.parents[level][labels] if level else labels
    placed = pl.concat(frames).with_columns(pl.col("level").cast(pl.Int64))
    return placed.select("item_id", "level", "cluster_id").sort("item_id", "level")
