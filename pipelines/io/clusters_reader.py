"""Reads the interest clusters that are served: ONE way for every stage and command."""

from __future__ import annotations

from expectations.contracts.tables import CLUSTERS, ITEM_CLUSTERS
from pipelines.io import paths
from pipelines.io.artefact_io import read_table
from training.clusters.tree_view import ServingClusters, serving_clusters


def read_clusters(serving_level: int) -> ServingClusters:
    """Return the clusters of a level as the stage clusters left them.

    Args:
        serving_level: ``clusters.serving_level``, and no other, in stages and commands.

    Raises:
        UserError: the tree is not built, or has no such level.
    """
    return serving_clusters(
        read_table(paths.CLUSTERS, CLUSTERS),
        read_table(paths.ITEM_CLUSTERS, ITEM_CLUSTERS),
        serving_level,
    )
