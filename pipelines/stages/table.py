"""Stage table: plan every single cluster and every pair, once, so that no request has to."""

from __future__ import annotations

from dataclasses import asdict

from expectations.contracts.tables import CLUSTERS, ITEM_CLUSTERS, NOVEL_CLUSTER_TABLE
from inference.planning.bulk import plan_batches
from inference.planning.config import TableConfig
from inference.planning.describe import describe_table
from inference.planning.sources import StoredPlanner
from inference.planning.table import batches_of_pairs, stamp_rows
from pipelines import paths, stage
from pipelines.artefact_io import read_json, read_table, write_json, write_table
from pipelines.params import read_params
from pipelines.table_making import describe_making, describe_run
from pipelines.table_shards import ShardFolder
from training.clusters.config import ClusterConfig
from training.clusters.tree_view import serving_clusters
from training.curation.timeline import Timeline

COST = "table_planning"


def main() -> None:
    """Plan all rows in shards, going on where a run was broken off; judge and write the table."""
    config = read_params("table", TableConfig)
    level = read_params("clusters", ClusterConfig).serving_level
    timeline = Timeline.from_json(read_json(paths.TIMELINE))
    clusters = serving_clusters(
        read_table(paths.CLUSTERS, CLUSTERS), read_table(paths.ITEM_CLUSTERS, ITEM_CLUSTERS), level
    )
    source = StoredPlanner(paths.BASE_MODEL, paths.PLANNER_ADAPTER, clusters.descriptions, config)
    batches = list(batches_of_pairs(clusters.n_clusters, config.batch_rows))
    making = describe_making(clusters.descriptions, config)
    shards = ShardFolder(paths.TABLE_SHARDS, describe_run(making, config, "whole"), batches)

    rows, cost = plan_batches(batches, source, config, shards, "table")
    table = stamp_rows(rows, timeline.end)
    figures = asdict(describe_table(table, clusters.n_clusters, config))
    figures["certified_share"] = rows["certified"].mean()

    write_json(asdict(cost), paths.STAGE_COSTS / f"{COST}.json")
    write_json(figures, paths.metrics_of("table"))
    # Worker processes import this file too; Great Expectations would cost each of them seconds.
    from pipelines.table_guards import guard_table

    guard_table(table, figures, clusters.n_clusters, config)
    write_table(table, paths.NOVEL_CLUSTER_TABLE, NOVEL_CLUSTER_TABLE)
    shards.remove()


if __name__ == "__main__":
    stage.run("table", main)
