"""What a partial refresh costs against a full run, and whether it gives the same table.

Run from the top of the repository: `python -m benchmarks.planning.table_refresh FOLDER`, where
FOLDER is a working tree in which the planner stage has run. Some clusters are given made-up
descriptions and the table is planned both ways, in this process, with `table.score: open`. Seconds
are of its processor, which other work on the machine does not lengthen much.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from expectations.contracts.tables import CLUSTERS, ITEM_CLUSTERS
from inference.search.config import TableConfig, TableRunConfig
from inference.search.ranking import families_of
from inference.table.bulk import plan_batches
from inference.table.partial_run import PreviousTable, common_arithmetic, refresh_rows
from inference.table.plan_table import PlanTable
from inference.table.refresh_report import report_refresh
from inference.table.shards import MicroBatch
from inference.table.sources import StoredPlanner
from inference.table.table import batches_of_contexts
from pipelines.io import paths
from pipelines.io.artefact_io import read_table
from pipelines.table.table_shards import ShardFolder
from training.clusters.tree_view import serving_clusters

CONFIG = TableConfig(score="open", worker_threads=1)
RUN = TableRunConfig()
SEED = 0


def main() -> None:
    """Measure every number of changed clusters and print the rows of a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--changed", type=int, nargs="+", default=[1, 3, 6, 13])
    arguments = parser.parse_args()
    before, families = read_texts_and_families(arguments.folder)
    rows = plan_fully(arguments.folder, before, families)
    table = PlanTable.from_frame(rows, len(before))
    rng = np.random.default_rng(SEED)
    print("| changed | planned anew | rescored | refresh, s | full, s | Jaccard | other rankings |")
    for n_changed in arguments.changed:
        chosen = set(rng.choice(len(before), n_changed, replace=False).tolist())
        after = tuple(f"new topic {c}" if c in chosen else t for c, t in enumerate(before))
        started = time.process_time()
        full = plan_fully(arguments.folder, after, families)
        full_seconds = time.process_time() - started
        started = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            refreshed = refresh_rows(
                PreviousTable(table, before, families, frozenset(), common_arithmetic(rows)),
                after,
                families,
                source_of(arguments.folder, after, families),
                CONFIG,
                RUN,
                partial(_shards_below, Path(folder)),
            )
        seconds = time.process_time() - started
        others = int((refreshed.rows["novel_clusters"] != full["novel_clusters"]).sum())
        overlap = report_refresh(table, PlanTable.from_frame(full, len(after)), refreshed)
        print(
            f"| {n_changed} of {len(before)} | {refreshed.n_planned_anew:,} "
            f"| {refreshed.n_rescored:,} | {seconds:.1f} | {full_seconds:.1f} "
            f"| {overlap.figures.jaccard_at_5:.2f} | {others} |",
            flush=True,
        )


def plan_fully(folder: Path, texts: tuple[str, ...], families: tuple[int, ...]) -> pl.DataFrame:
    """Return all rows of a full run."""
    batches = list(batches_of_contexts(len(texts), CONFIG.batch_rows))
    with tempfile.TemporaryDirectory() as kept:
        store = open_shards(Path(kept, "whole"), batches)
        source = source_of(folder, texts, families)
        return plan_batches(batches, source, CONFIG, RUN, store, "full")[0]


def read_texts_and_families(folder: Path) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return descriptions and families of the narrowest level, by id."""
    nodes = read_table(folder / paths.CLUSTERS, CLUSTERS)
    items = read_table(folder / paths.ITEM_CLUSTERS, ITEM_CLUSTERS)
    served = serving_clusters(nodes, items, int(nodes["level"].to_numpy().max()))
    return served.descriptions, families_of(served.ancestors)


def source_of(folder: Path, texts: tuple[str, ...], families: tuple[int, ...]) -> StoredPlanner:
    """Return the folder's planner over these clusters."""
    base, adapter = folder / paths.BASE_MODEL, folder / paths.PLANNER_ADAPTER
    return StoredPlanner(base, adapter, texts, families, CONFIG)


def _shards_below(folder: Path, part: str, batches: Sequence[MicroBatch]) -> ShardFolder:
    return open_shards(folder / part, batches)


def open_shards(folder: Path, batches: Sequence[MicroBatch]) -> ShardFolder:
    """Return an empty store."""
    return ShardFolder(folder, {}, batches)


if __name__ == "__main__":
    main()
