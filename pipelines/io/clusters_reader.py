"""Reads the interest clusters that are served: ONE way for every stage and command."""

from __future__ import annotations

from expectations.contracts.tables import CLUSTERS, ITEM_CLUSTERS
from pipelines.io import paths
from pipelines.io.artefact_io import read_table
from training.clusters.config import ClusterConfig
from training.clusters.tree_view import ServingClusters, serving_clusters


def read_clusters(config: ClusterConfig) -> ServingClusters:
    """Return the clusters of the level that the settings serve.

    Args:
        config: the section ``clusters``.

    Raises:
        UserError: the tree is not built, or has no such level.
    """
    return serving_clusters(
        read_table(paths.CLUSTERS, CLUSTERS),
        read_table(paths.ITEM_CLUSTERS, ITEM_CLUSTERS),
        config.serving_level,
    )
