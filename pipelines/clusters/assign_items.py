"""Clusters of new items, without a rebuild."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

from expectations.contracts.errors import SAMPLE_ROWS, UserError
from expectations.contracts.tables import CLUSTERS, ITEM_CLUSTERS
from pipelines.io import paths
from pipelines.io.artefact_io import read_table
from pipelines.params.params import read_params
from pipelines.sources.canonical import read_interactions, read_items
from pipelines.sources.files import scan_items, scan_log
from pipelines.sources.raw.one_line import shorten
from pipelines.sources.raw.record import ReadingRecord
from training.clusters.tree.assign import NO_INTERACTIONS, assign_items
from training.clusters.tree.centroids_io import load_centroids


def assign_new_items(items_file: Path, log_file: Path | None) -> pl.DataFrame:
    """Return what the tree says of every item of the file, ascending by id.

    The columns are ``item_id, is_new, level_0 …, description, similarity, margin``. Items of the
    tree keep the clusters they have in it; the others are placed by their text and, where a log
    is given, by what their users did. One of which nothing can be read is in no cluster: its
    columns are empty.

    Raises:
        UserError: a file cannot be read, has no rows, an id twice or a row without one, or there
            is no tree yet.
    """
    params = read_params()
    dataset, level = params.dataset, params.clusters.serving_level
    nodes = read_table(paths.CLUSTERS, CLUSTERS)
    members = read_table(paths.ITEM_CLUSTERS, ITEM_CLUSTERS)
    centroids = load_centroids(paths.TREE_CENTROIDS)
    record = ReadingRecord()
    interactions = NO_INTERACTIONS
    if log_file is not None:
        log = read_interactions(
            scan_log(log_file, dataset.files, record), dataset.positive_threshold
        )
        interactions = log.lazy().with_columns(pl.col("user_id", "item_id").cast(pl.String))
    items = read_items(scan_items(items_file, dataset.files, record))
    _require_items(items, items_file)
    is_known = pl.col("item_id").is_in(members["item_id"].unique().implode())
    new = assign_items(centroids, items.filter(~is_known), interactions)
    for line in (*record.notes, *_tell_of_the_silent(new)):
        print(line, file=sys.stderr)
    known = members.join(items, on="item_id", how="semi")
    rows = pl.concat(
        [known.with_columns(is_new=False), new.with_columns(is_new=True)], how="diagonal"
    )
    index = ["item_id", "is_new", "similarity", "margin"]
    wide = rows.with_columns(pl.format("level_{}", "level").alias("column")).pivot(
        "column", index=index, values="cluster_id", sort_columns=True
    )
    names = nodes.filter(pl.col("level") == level).select(
        pl.col("cluster_id").alias(f"level_{level}"), "description"
    )
    named = wide.join(names, on=f"level_{level}", how="left").sort("item_id")
    return named.select(pl.exclude("similarity", "margin"), "similarity", "margin")


def _require_items(items: pl.DataFrame, file: Path) -> None:
    if items.is_empty():
        raise UserError(str(file), "the file has rows", "there is only a header: export it again")
    twice = items.filter(pl.col("item_id").is_duplicated())["item_id"].unique(maintain_order=True)
    if len(twice):
        shown = shorten(", ".join(twice.head(SAMPLE_ROWS)))
        raise UserError(str(file), "item ids are unique", "keep one row for each id", shown)


def _tell_of_the_silent(new: pl.DataFrame) -> list[str]:
    silent = new.filter(pl.col("cluster_id").is_null())["item_id"].unique(maintain_order=True)
    if not len(silent):
        return []
    shown = shorten(", ".join(silent.head(SAMPLE_ROWS)))
    return [
        f"in no cluster, since nothing the tree knows can be read of them: {len(silent):,} items "
        f"({shown})"
    ]
