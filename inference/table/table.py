"""The novel-cluster table: every single cluster and every context, planned once, offline.

Contexts are taken in the order of ``all_contexts`` in batches of fixed size, whatever part of the
table is asked for, and scores are rounded before they are ranked: on one kind of processor the same
planner gives the same table, byte for byte, wherever a run was broken off and taken up again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import polars as pl
from tqdm import tqdm

from expectations.contracts.values import BUILD_RELEASE, ClusterContext, all_contexts
from inference.search.config import TableConfig
from inference.search.engine import PlanningEngine, UnreadableModelError
from inference.search.plain_ranking import PlainRanker
from inference.search.ranking import ContextRanker
from inference.table.shards import frame_rows
from training.planner.base.model_io import Planner

log = logging.getLogger(__name__)


def make_ranker(
    planner: Planner, descriptions: tuple[str, ...], families: Sequence[int], config: TableConfig
) -> PlanningEngine | PlainRanker:
    """Return what fills the rows of the planner's table: the engine, or else plain passes.

    A model that the engine cannot read is read as transformers does; that takes a pass for every
    description, so the log says it.

    Args:
        planner: in evaluation mode.
        descriptions: of every cluster, by id.
        families: of every cluster, see :func:`~inference.search.ranking.families_of`.
        config: how rows are ranked.

    Raises:
        UserError: two descriptions are the same to the tokenizer.
    """
    try:
        return PlanningEngine(planner, descriptions, families, config)
    except UnreadableModelError as error:
        log.warning("%s; every description is read in a pass of its own, which is slow", error)
        return PlainRanker(planner, descriptions, families, config)


def fill_table(
    ranker: ContextRanker, n_clusters: int, end: datetime, config: TableConfig, title: str = "table"
) -> pl.DataFrame:
    """Return NOVEL_CLUSTER_TABLE filled by ``ranker``, rows in the order of ``all_contexts``.

    ``title`` stands before the progress bar.
    """
    pieces = []
    with tqdm(total=n_rows(n_clusters), desc=title, unit="row", disable=None) as bar:
        for contexts in batches_of_contexts(n_clusters, config.batch_rows):
            pieces.append(frame_rows(contexts, ranker.rank_batch(contexts)))
            bar.update(len(contexts))
    return stamp_rows(pl.concat(pieces), end)


def n_rows(n_clusters: int) -> int:
    """Return how many rows a whole table has.

    >>> n_rows(64), n_rows(761)
    (2080, 289941)
    """
    return n_clusters + n_clusters * (n_clusters - 1) // 2


def batches_of_contexts(n_clusters: int, batch_rows: int) -> Iterator[list[ClusterContext]]:
    """Yield the canonical batches of a whole table: those of ``all_contexts``."""
    return cut_batches(all_contexts(n_clusters), batch_rows)


def cut_batches(
    contexts: Iterable[ClusterContext], batch_rows: int
) -> Iterator[list[ClusterContext]]:
    """Yield ``contexts`` cut every ``batch_rows``, never mixing sizes of contexts."""
    batch: list[ClusterContext] = []
    for context in contexts:
        if batch and (len(batch) == batch_rows or len(batch[0].members) != len(context.members)):
            yield batch
            batch = []
        batch.append(context)
    if batch:
        yield batch


def stamp_rows(rows: pl.DataFrame, end: datetime) -> pl.DataFrame:
    """Return planned rows as NOVEL_CLUSTER_TABLE of the release being built."""
    time = pl.lit(end).cast(pl.Datetime("us", "UTC"))
    return rows.select(
        pl.lit(BUILD_RELEASE).alias("release_id"),
        "context_key",
        time.alias("event_timestamp"),
        "novel_clusters",
        "scores",
    )
