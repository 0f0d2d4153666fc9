"""A bulk run: all micro-batches planned in shards, by any engine, from wherever it broke off."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl
from tqdm import tqdm

from inference.search.config import TableConfig, TableRunConfig
from inference.table.local_engine import plan_in_process, plan_in_processes
from inference.table.ray_engine import plan_with_ray
from inference.table.shards import MicroBatch, PlannedShard, Shard, cut_shards, join_shards
from inference.table.sources import RankerSource


class ShardStore(Protocol):
    """Keeps the planned shards of one run, over breaks."""

    def read(self) -> Iterator[PlannedShard]:
        """Yield every shard that is kept, whole and of this run."""
        ...

    def keep(self, shard: PlannedShard) -> None:
        """Keep a shard, wholly or, if this process is killed, not at all."""
        ...


@dataclass(frozen=True)
class BulkCost:
    """What a run took.

    Attributes:
        rows_planned: by this run.
        rows_kept: planned before it, taken from the store.
        planning_seconds: from the start of the workers to the last row.
        rows_per_second: of those planned by this run.
        worker_peak_memory_mb: of the worker that needed most.
    """

    rows_planned: int
    rows_kept: int
    planning_seconds: float
    rows_per_second: float
    worker_peak_memory_mb: int


def add_costs(costs: Sequence[BulkCost]) -> BulkCost:
    """Return what several runs took together."""
    seconds = sum(cost.planning_seconds for cost in costs)
    rows = sum(cost.rows_planned for cost in costs)
    return BulkCost(
        rows_planned=rows,
        rows_kept=sum(cost.rows_kept for cost in costs),
        planning_seconds=seconds,
        rows_per_second=rows / seconds if seconds else 0.0,
        worker_peak_memory_mb=max(cost.worker_peak_memory_mb for cost in costs),
    )


def plan_batches(
    batches: Sequence[MicroBatch],
    source: RankerSource,
    config: TableConfig,
    run: TableRunConfig,
    store: ShardStore,
    title: str,
) -> tuple[pl.DataFrame, BulkCost]:
    """Return the rows of all micro-batches in their order, and what planning them took.

    Shards that ``store`` holds are not planned again. ``title`` stands before the progress bar.
    """
    started = time.perf_counter()
    planned = {number for shard in store.read() for number in range(shard.first, shard.stop)}
    shards = cut_shards(batches, planned, run.shard_rows)
    rows_planned = sum(shard.n_rows for shard in shards)
    rows_kept = sum(len(batches[number]) for number in planned)
    peak = 0
    with tqdm(
        total=rows_kept + rows_planned, initial=rows_kept, desc=title, unit="context", disable=None
    ) as bar:
        for shard in _run(shards, source, config.worker_threads, run, bar.update):
            store.keep(shard)
            peak = max(peak, shard.worker_peak_memory_mb)
    seconds = time.perf_counter() - started
    cost = BulkCost(rows_planned, rows_kept, round(seconds, 2), rows_planned / seconds, peak)
    return join_shards(store.read()), cost


def _run(
    shards: Sequence[Shard],
    source: RankerSource,
    threads: int,
    run: TableRunConfig,
    report_rows: Callable[[int], None],
) -> Iterator[PlannedShard]:
    if not shards:
        return iter(())
    if run.engine == "ray":
        return plan_with_ray(shards, source, threads, run, report_rows)
    if run.workers == 1:
        return plan_in_process(shards, source, threads, report_rows)
    return plan_in_processes(shards, source, run.workers, threads, report_rows)
