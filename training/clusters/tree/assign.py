"""Gives items their clusters without a rebuild: the ONE function that batch and serving share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl

from training.clusters.representation.represent import ItemEncoder
from training.clusters.tree.nearest import find_candidates, find_nearest
from training.clusters.tree.tree import ClusterTree

NO_INTERACTIONS = pl.LazyFrame(
    schema={"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Datetime("us", UTC)}
)
"""For items that nobody has acted on yet."""


@dataclass(frozen=True)
class TreeCentroids:
    """The centres of a tree's clusters, and the encoder that turns an item into a vector like them.

    Attributes:
        encoder: fitted on what the tree was built from.
        centres: of each level, broad to narrow, unit rows, float32 ``[n_clusters, d]``.
        parents: cluster one level up per level, int64 ``[n_clusters]``; empty at level 0.
    """

    encoder: ItemEncoder
    centres: tuple[np.ndarray, ...]
    parents: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, tree: ClusterTree, encoder: ItemEncoder) -> TreeCentroids:
        """Return the centroids of a tree that was built on the encoder's vectors."""
        return cls(encoder, tree.centres, tree.parents)


def assign_items(
    centroids: TreeCentroids,
    items: pl.DataFrame,
    interactions: pl.LazyFrame = NO_INTERACTIONS,
    before: datetime | None = None,
) -> pl.DataFrame:
    """Return the clusters of these items at every level; the tree stays as it is.

    An item goes to the narrowest cluster whose centre is nearest, and to that cluster's ancestors.
    Text or interactions are enough; an item with neither, or without a word that the tree knows,
    is nowhere: its ``cluster_id`` is null. An item of the tree itself may stand elsewhere in it,
    where balance moved it: what the tree says of its own items counts.

    Args:
        centroids: of the tree.
        items: the table ITEMS.
        interactions: the table INTERACTIONS, with all that the users of these items did.
        before: interactions from this time on are not looked at; ``None`` looks at all.

    Returns:
        ``item_id, level, cluster_id, similarity, margin``, ordered by the first two. Similarity is
        the cosine to the centre of the narrowest cluster, margin by how much the next one is less
        similar: near 0 two clusters suit the item alike.
    """
    represented = centroids.encoder.represent(items, interactions, before)
    vectors = represented.vectors
    similarity, margin = _compare(vectors, centroids.centres[-1])
    is_known = (vectors != centroids.encoder.unknown).any(axis=1)
    known = pl.Series(is_known)
    labels = find_nearest(vectors, centroids.centres[-1])
    frames = []
    for level in reversed(range(len(centroids.centres))):
        columns = {
            "cluster_id": pl.Series(labels, dtype=pl.Int64),
            "similarity": pl.Series(similarity, dtype=pl.Float32),
            "margin": pl.Series(margin, dtype=pl.Float32),
        }
        found = [pl.when(known).then(values).alias(name) for name, values in columns.items()]
        frames.append(represented.item_ids.to_frame("item_id").with_columns(*found, level=level))
        labels = centroids.parents[level][labels] if level else labels
    assigned = pl.concat(frames).with_columns(pl.col("level").cast(pl.Int64))
    names = ("item_id", "level", "cluster_id", "similarity", "margin")
    return assigned.select(names).sort("item_id", "level")


def _compare(vectors: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each point's cosine to its nearest centre, and how much less the next one's is."""
    nearest = np.sort(find_candidates(vectors, centres, 2).similarity, axis=1)
    best = nearest[:, -1]
    return best, best - nearest[:, 0] if len(centres) > 1 else np.ones_like(best)
