"""Gathers the evidence of the collective signal from the built tables: ONE way for all who ask."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from expectations.contracts.tables import INTERACTIONS, ITEMS
from pipelines.io import paths
from pipelines.io.artefact_io import read_table, scan_table
from training.clusters.config import RepresentationConfig
from training.clusters.tree_view import ServingClusters
from training.collective.config import CollectiveConfig
from training.collective.evidence import Evidence, gather_evidence


def read_evidence(
    clusters: ServingClusters,
    before: datetime,
    config: CollectiveConfig,
    representation: RepresentationConfig,
    seed: int,
) -> Evidence:
    """Return the evidence from before a time, by the settings and the seed of the stage collective.

    Raises:
        UserError: the tables are not built.
    """
    return gather_evidence(
        read_table(paths.ITEMS, ITEMS),
        scan_table(paths.INTERACTIONS, INTERACTIONS),
        clusters.item_cluster_frame(),
        clusters.n_clusters,
        before,
        config,
        representation,
        np.random.default_rng(seed),
    )
