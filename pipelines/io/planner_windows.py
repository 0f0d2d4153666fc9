"""Reads the evaluation windows of the planner: one split's cases, with what was known before."""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from expectations.contracts.errors import UserError
from expectations.contracts.tables import CASES, INTERACTIONS, ITEMS
from pipelines.io import paths
from pipelines.io.artefact_io import read_json, read_table, scan_table
from training.baselines.clusters.cluster_mass import collect_recent_items
from training.baselines.clusters.visits import collect_pasts, collect_visits
from training.baselines.clusters.window import Window
from training.clusters.config import RepresentationConfig
from training.clusters.tree_view import ServingClusters
from training.collective.similarity import text_similarity
from training.curation.timeline import Timeline
from training.evaluation.clusters.cases import PlannerCases, rows_of_split
from training.recommender.model.recommender import SequenceRecommender

Split = Literal["validation", "test"]


def compare_words(
    clusters: ServingClusters, representation: RepresentationConfig
) -> NDArray[np.float64]:
    """Return the cosine of the words of two clusters' items, [N, N]."""
    items = read_table(paths.ITEMS, ITEMS).filter(pl.col("item_id").is_in(clusters.item_ids))
    of_items = clusters.clusters_of(items["item_id"].to_list())
    return text_similarity(items, of_items, clusters.n_clusters, representation)


def read_window(split: Split, clusters: ServingClusters, words: NDArray[np.float64]) -> Window:
    """Return one split's window; nothing of another split's cases is looked at.

    Baselines learn from all before the split's first origin: for validation before its window,
    for the test before the first test origin. So validation cases are put to the recommender
    that has not been trained on their window, test cases to the one that is shipped. ``words``
    are those of :func:`compare_words`, the same for every split.

    Raises:
        UserError: the recommender is of another cluster tree.
    """
    timeline = Timeline.from_json(read_json(paths.TIMELINE))
    is_test = split == "test"
    cases = rows_of_split(read_table(paths.CASES, CASES), split)
    interactions = scan_table(paths.INTERACTIONS, INTERACTIONS)
    membership = clusters.item_cluster_frame()
    folder = paths.RECOMMENDER if is_test else paths.RECOMMENDER_BEFORE_VALIDATION
    recommender = SequenceRecommender.load(folder)
    if recommender.layout.n_clusters != clusters.n_clusters:
        raise UserError(str(folder), "is of this cluster tree", "run the recommender stage again")
    until = timeline.fit_until if is_test else timeline.train_until
    return Window(
        cases=PlannerCases.from_frame(cases, split),
        pasts=collect_pasts(interactions, membership, cases),
        visits=collect_visits(interactions, membership, until, clusters.n_clusters),
        recommender=recommender,
        recent_items=collect_recent_items(interactions, cases, recommender.config.max_length),
        ancestors=clusters.ancestors,
        words=words,
    )
