"""Shards of a bulk run: consecutive micro-batches that are planned, kept and lost as one.

A micro-batch is planned in one go, so its rows depend on nothing but itself; a shard is a union of
whole ones. Hence shards may be cut anew after a break, by another size, without a bit of any row
changing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from expectations.contracts.values import NO_CLUSTER, ClusterContext
from inference.search.memory import peak_memory_mb
from inference.search.ranking import ContextRanker, RankedContexts

MicroBatch = Sequence[ClusterContext]

ROWS_SCHEMA = pl.Schema(
    [
        ("context_key", pl.String()),
        ("novel_clusters", pl.List(pl.Int64())),
        ("scores", pl.List(pl.Float32())),
        ("error_bound", pl.Float32()),
        ("arithmetic", pl.String()),
    ]
)
"""Planned rows on their way into the table; the last two as in :class:`RankedContexts`."""


@dataclass(frozen=True)
class Shard:
    """The micro-batches of a run from number ``first`` on."""

    first: int
    batches: tuple[tuple[ClusterContext, ...], ...]

    @property
    def stop(self) -> int:
        """Number of the first micro-batch after it."""
        return self.first + len(self.batches)

    @property
    def n_rows(self) -> int:
        """Rows it holds."""
        return sum(len(batch) for batch in self.batches)


@dataclass(frozen=True)
class PlannedShard:
    """The rows of micro-batches ``first`` to ``stop``, as :data:`ROWS_SCHEMA`.

    ``worker_peak_memory_mb`` is what the worker that planned it had needed by then; 0 if unknown.
    """

    first: int
    stop: int
    rows: pl.DataFrame
    worker_peak_memory_mb: int = 0


def cut_shards(
    batches: Sequence[MicroBatch], planned: Collection[int], shard_rows: int
) -> list[Shard]:
    """Return the shards of all micro-batches whose number is not in ``planned``.

    A shard is closed once it has ``shard_rows`` rows, and before a micro-batch that is planned.
    """
    shards: list[Shard] = []
    first, open_batches, n_rows = 0, list[tuple[ClusterContext, ...]](), 0
    for number, batch in enumerate(batches):
        if open_batches and (number in planned or n_rows >= shard_rows):
            shards.append(Shard(first, tuple(open_batches)))
            open_batches, n_rows = [], 0
        if number not in planned:
            first = first if open_batches else number
            open_batches.append(tuple(batch))
            n_rows += len(batch)
    if open_batches:
        shards.append(Shard(first, tuple(open_batches)))
    return shards


def plan_shard(
    ranker: ContextRanker, shard: Shard, report_rows: Callable[[int], None] = lambda _: None
) -> PlannedShard:
    """Return the rows of one shard; ``report_rows`` is told how many each micro-batch had."""
    pieces = []
    for batch in shard.batches:
        pieces.append(frame_rows(batch, ranker.rank_batch(batch)))
        report_rows(len(batch))
    return PlannedShard(shard.first, shard.stop, pl.concat(pieces), peak_memory_mb())


def join_shards(shards: Iterator[PlannedShard]) -> pl.DataFrame:
    """Return the rows of all shards in the order of the run."""
    ordered = sorted(shards, key=lambda shard: shard.first)
    return pl.concat([ROWS_SCHEMA.to_frame(), *(shard.rows for shard in ordered)])


def join_rows(pieces: Sequence[pl.DataFrame], contexts: Sequence[ClusterContext]) -> pl.DataFrame:
    """Return the rows of all pieces in the order of ``contexts``."""
    order = pl.DataFrame({"context_key": [context.key for context in contexts]})
    return order.join(pl.concat(pieces), on="context_key", how="left", maintain_order="left")


def frame_rows(contexts: Sequence[ClusterContext], rows: RankedContexts) -> pl.DataFrame:
    """Return the rows of one micro-batch as :data:`ROWS_SCHEMA`."""
    listed = rows.clusters != NO_CLUSTER  # [B, D]
    return pl.DataFrame(
        {
            "context_key": [context.key for context in contexts],
            "novel_clusters": [row[kept] for row, kept in zip(rows.clusters, listed, strict=True)],
            "scores": [row[kept] for row, kept in zip(rows.scores, listed, strict=True)],
            "error_bound": rows.error_bounds,
            "arithmetic": [rows.arithmetic] * len(contexts),
        },
        schema=ROWS_SCHEMA,
    )
