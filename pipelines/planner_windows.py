"""Reads the evaluation windows of the planner: one split's cases, with what was known before."""

from __future__ import annotations

from typing import Literal

from expectations.contracts.tables import CASES
from pipelines import paths
from pipelines.artefact_io import read_json, read_table, scan_table
from training.baselines.visits import collect_pasts, collect_visits
from training.baselines.window import Window
from training.clusters.tree_view import ServingClusters
from training.curation.timeline import Timeline
from training.evaluation.cases import PlannerCases, rows_of_split

Split = Literal["validation", "test"]


def read_window(split: Split, clusters: ServingClusters) -> Window:
    """Return one split's window; nothing of another split's cases is looked at.

    Baselines learn from all before the split's first origin: for validation before its window,
    for the test before the first test origin.
    """
    timeline = Timeline.from_json(read_json(paths.TIMELINE))
    until = timeline.train_until if split == "validation" else timeline.fit_until
    frame = read_table(paths.CASES, CASES)
    interactions, membership = scan_table(paths.INTERACTIONS), clusters.item_cluster_frame()
    return Window(
        cases=PlannerCases.from_frame(frame, split),
        pasts=collect_pasts(interactions, membership, rows_of_split(frame, split)),
        visits=collect_visits(interactions, membership, until, clusters.n_clusters),
    )
