"""Stage table: plan every single cluster and every pair, once, so that no request has to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import torch

from expectations.contracts.tables import CLUSTERS, ITEM_CLUSTERS, NOVEL_CLUSTER_TABLE
from expectations.gates.bounds import Bound, check_bounds
from inference.planning.config import TableConfig
from inference.planning.describe import describe_table
from inference.planning.table import plan_table
from pipelines import paths, stage
from pipelines.artefact_io import read_json, read_table, write_json, write_table
from pipelines.params import read_params
from training.clusters.config import ClusterConfig
from training.clusters.tree_view import serving_clusters
from training.config import RuntimeConfig
from training.curation.timeline import Timeline
from training.planner.model_io import load_planner


def main() -> None:
    """Score all descriptions in every context, rank, judge and write the table."""
    config = read_params("table", TableConfig)
    level = read_params("clusters", ClusterConfig).serving_level
    torch.set_num_threads(read_params("runtime", RuntimeConfig).threads)
    timeline = Timeline.from_json(read_json(paths.TIMELINE))
    clusters = serving_clusters(
        read_table(paths.CLUSTERS, CLUSTERS), read_table(paths.ITEM_CLUSTERS, ITEM_CLUSTERS), level
    )
    planner = load_planner(paths.BASE_MODEL, paths.PLANNER_ADAPTER)
    planner.model.float()  # exact ranking needs float32, on a GPU too

    table = plan_table(planner, clusters.descriptions, timeline.end, config)
    figures = asdict(describe_table(table, clusters.n_clusters, config))

    write_json(figures, paths.metrics_of("table"))
    refuse_bad_table(figures, config)
    write_table(table, paths.NOVEL_CLUSTER_TABLE, NOVEL_CLUSTER_TABLE)


def refuse_bad_table(figures: Mapping[str, float], config: TableConfig) -> None:
    """Stop the pipeline over a table with holes, with invalid rows, or that proposes too little."""
    look = "this is a fault of the table stage: report it"
    breadth = "train the planner on more evenly spread targets (curation), or for longer"
    bounds = (
        Bound("completeness", 1.0, 1.0, "block", look),
        Bound("valid_share", 1.0, 1.0, "block", look),
        Bound("coverage_at_5", config.min_coverage_at_5, None, "block", breadth),
    )
    check_bounds(figures, bounds).raise_if_blocked()


if __name__ == "__main__":
    stage.run("table", main)
