"""What is under test and who takes part, read from what the stages before have left."""

from __future__ import annotations

import numpy as np
import polars as pl

from expectations.contracts.tables import (
    NOVEL_CLUSTER_TABLE,
    USER_CLUSTER_HISTORY,
    USER_ITEM_HISTORY,
)
from inference.experiment.arms import System
from inference.experiment.participants import Participant, assemble_participants
from inference.plans.config import PlanConfig
from inference.table.plan_table import PlanTable
from pipelines.io import paths
from pipelines.io.artefact_io import read_table, scan_table
from training.alignment.alignment_io import load_alignment
from training.clusters.tree_view import ServingClusters
from training.recommender.model.recommender import SequenceRecommender


def choose_participants(max_users: int, rng: np.random.Generator) -> list[Participant]:
    """Return a sample of the users with a liked cluster, as they are at the data's end."""
    histories = scan_table(paths.USER_CLUSTER_HISTORY, USER_CLUSTER_HISTORY)
    has_liked = histories.filter(pl.col("history_clusters").list.len() > 0)
    known = has_liked.select(pl.col("user_id").unique().sort()).collect()["user_id"]
    order = rng.permutation(len(known))[:max_users]
    chosen = known.gather(np.sort(order)).to_frame().lazy()
    items = scan_table(paths.USER_ITEM_HISTORY, USER_ITEM_HISTORY)
    return assemble_participants(
        histories.join(chosen, on="user_id", how="semi").collect(),
        items.join(chosen, on="user_id", how="semi").collect(),
    )


def load_system(clusters: ServingClusters, plan: PlanConfig) -> System:
    """Return the released parts as they would be served."""
    table = read_table(paths.NOVEL_CLUSTER_TABLE, NOVEL_CLUSTER_TABLE)
    return System(
        SequenceRecommender.load(paths.RECOMMENDER),
        PlanTable.from_frame(table, clusters.n_clusters),
        plan,
        load_alignment(paths.ALIGNMENT, clusters.n_clusters),
        clusters.ancestors,
        dict(zip(clusters.item_ids, clusters.cluster_of_item.tolist(), strict=True)),
    )
