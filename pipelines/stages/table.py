"""Stage table: plan every single cluster and every pair, once, so that no request has to."""

from __future__ import annotations

import shutil
from dataclasses import asdict

import polars as pl

from expectations.contracts.durable import SCHEMA
from expectations.contracts.tables import NOVEL_CLUSTER_TABLE
from inference.search.ranking import families_of
from inference.table.bulk import plan_batches
from inference.table.describe import describe_table, measure_certificates
from inference.table.partial_run import common_arithmetic, refresh_rows
from inference.table.sources import StoredPlanner
from inference.table.table import batches_of_contexts, stamp_rows
from pipelines.io import paths, stage
from pipelines.io.artefact_io import read_json, write_json, write_table
from pipelines.io.clusters_reader import read_clusters
from pipelines.params.params import Params, read_params
from pipelines.table.previous_table import read_previous_table
from pipelines.table.refresh_outs import write_no_refresh, write_refresh_outs
from pipelines.table.table_recipe import (
    RECORD_SCHEMA,
    TableRecord,
    describe_code,
    describe_recipe,
)
from pipelines.table.table_shards import shard_opener
from training.curation.timeline import Timeline


def main(params: Params) -> None:
    """Plan or refresh all rows in shards, going on where a run broke off; judge and write them."""
    # Worker processes import this file too; Great Expectations would cost each of them seconds.
    from pipelines.guards.table_guards import guard_table

    config, run, gates = params.table, params.table_run, params.gates.table
    timeline = Timeline.from_json(read_json(paths.TIMELINE))
    clusters = read_clusters(params.clusters.serving_level)
    texts = clusters.descriptions
    families = families_of(clusters.ancestors)
    source = StoredPlanner(paths.BASE_MODEL, paths.PLANNER_ADAPTER, texts, families, config)
    recipe = describe_recipe(texts, families, config)
    previous = read_previous_table(config, recipe)
    open_shards = shard_opener(paths.TABLE_SHARDS, recipe, config, run)

    if previous is None:
        batches = list(batches_of_contexts(clusters.n_clusters, config.batch_rows))
        rows, cost = plan_batches(
            batches, source, config, run, open_shards("whole", batches), "table"
        )
        drift = write_no_refresh()
    else:
        refreshed = refresh_rows(previous, texts, families, source, config, run, open_shards)
        rows, cost = refreshed.rows, refreshed.cost
        drift = write_refresh_outs(previous, refreshed, texts, gates.min_refresh_jaccard)
    table = stamp_rows(rows, timeline.end)
    figures = {
        **asdict(describe_table(table, families, config)),
        **measure_certificates(rows),
    }

    write_json(asdict(cost), paths.PLANNING_COST)
    write_json(figures, paths.metrics_of("table"))
    guard_table(table, figures, drift, clusters.n_clusters, gates)
    unproven = rows.filter(pl.col("error_bound") > 0)["context_key"].to_list()
    record = TableRecord(
        **asdict(recipe),
        unproven=tuple(unproven),
        arithmetic=common_arithmetic(rows),
        code=describe_code(),
    )
    write_json({SCHEMA: RECORD_SCHEMA, **asdict(record)}, paths.TABLE_RECORD)
    write_table(table, paths.NOVEL_CLUSTER_TABLE, NOVEL_CLUSTER_TABLE)
    shutil.rmtree(paths.TABLE_SHARDS)


if __name__ == "__main__":
    stage.run("table", lambda: main(read_params()))
