"""`python -m pipelines.assign_items FILE`: the clusters of new items, without a rebuild."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import polars as pl

from expectations.contracts.tables import CLUSTERS, ITEM_CLUSTERS
from pipelines import paths
from pipelines.artefact_io import atomic_file, read_table
from pipelines.command import run_command
from pipelines.params import read_params
from pipelines.sources.canonical import read_interactions, read_items
from pipelines.sources.config import DatasetConfig, FilesConfig
from pipelines.sources.files import scan_items, scan_log
from pipelines.sources.raw_tables import names_of, scan_raw
from training.clusters.assign import NO_INTERACTIONS, assign_items
from training.clusters.config import ClusterConfig
from training.clusters.places_io import load_places

CATEGORY_PATH = "category_path"


def main() -> None:
    """Write ``item_id, is_new, level_0 …, description`` of every item in the file as CSV.

    Items of the tree keep the clusters they have in it; the others are placed by their text and,
    where a log is given, by what their users did.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("items", type=Path, help="CSV or Parquet, columns as in dataset.files")
    parser.add_argument("--interactions", type=Path, help="a log that holds all of their users")
    parser.add_argument("--output", type=Path, help="a CSV file; absent: the standard output")
    arguments = parser.parse_args()
    found = place_items(arguments.items, arguments.interactions)
    if arguments.output is None:
        sys.stdout.write(found.write_csv())
        return
    with atomic_file(arguments.output) as partial:
        found.write_csv(partial)


def place_items(items_file: Path, log_file: Path | None) -> pl.DataFrame:
    """Return one row per item of the file, ascending by id.

    Raises:
        UserError: a file cannot be read, or there is no tree yet.
    """
    dataset = read_params("dataset", DatasetConfig)
    level = read_params("clusters", ClusterConfig).serving_level
    nodes = read_table(paths.CLUSTERS, CLUSTERS)
    members = read_table(paths.ITEM_CLUSTERS, ITEM_CLUSTERS)
    places = load_places(paths.TREE_PLACES)
    config = _map_categories(items_file, dataset.files)
    interactions = NO_INTERACTIONS
    if log_file is not None:
        log = read_interactions(scan_log(log_file, config), dataset.positive_threshold)
        interactions = log.lazy().with_columns(pl.col("user_id", "item_id").cast(pl.String))
    items = read_items(scan_items(items_file, config), items_file)
    is_known = pl.col("item_id").is_in(members["item_id"].unique().implode())
    new = assign_items(places, items.filter(~is_known), interactions)
    known = members.join(items, on="item_id", how="semi")
    rows = pl.concat([known.with_columns(is_new=False), new.with_columns(is_new=True)])
    wide = rows.with_columns(pl.format("level_{}", "level").alias("column")).pivot(
        "column", index=["item_id", "is_new"], values="cluster_id", sort_columns=True
    )
    names = nodes.filter(pl.col("level") == level).select(
        pl.col("cluster_id").alias(f"level_{level}"), "description"
    )
    return wide.join(names, on=f"level_{level}", how="left").sort("item_id")


def _map_categories(items_file: Path, config: FilesConfig) -> FilesConfig:
    """Let a table ITEMS be read as it is: it has its categories under their own name."""
    has_path = CATEGORY_PATH in names_of(scan_raw(items_file, ()), items_file)
    if config.category is None and has_path:
        return config.model_copy(update={"category": CATEGORY_PATH})
    return config


if __name__ == "__main__":
    run_command(main)
