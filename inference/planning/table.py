"""The novel-cluster table: every single cluster and every pair, planned once, offline.

Contexts are taken in the order of ``all_pairs`` in batches of fixed size, whatever part of the
table is asked for, and scores are rounded before they are ranked: the same planner gives the
same table, byte for byte, wherever a run was broken off and taken up again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import polars as pl
from tqdm import tqdm

from expectations.contracts.values import BUILD_RELEASE, ClusterPair, all_pairs
from inference.planning.config import TableConfig
from inference.planning.plan_table import NO_CLUSTER
from inference.planning.ranking import ContextRanker, RankedRows, RankEverything
from inference.planning.scoring import DescriptionScorer
from training.planner.model_io import Planner


def plan_table(
    planner: Planner, descriptions: Sequence[str], end: datetime, config: TableConfig
) -> pl.DataFrame:
    """Return NOVEL_CLUSTER_TABLE as the planner would fill it.

    Args:
        planner: in float32, evaluation mode.
        descriptions: of every cluster, by id.
        end: the data's end, when the rows became true.
        config: depth, rounding, batch size.
    """
    texts = tuple(descriptions)
    scorer = DescriptionScorer(planner, texts, config.logits_at_once, config.batch_rows)
    return fill_table(RankEverything(scorer, config), len(texts), end, config)


def fill_table(
    ranker: ContextRanker, n_clusters: int, end: datetime, config: TableConfig, title: str = "table"
) -> pl.DataFrame:
    """Return NOVEL_CLUSTER_TABLE filled by ``ranker``, rows in the order of ``all_pairs``.

    ``title`` stands before the progress bar.
    """
    pieces = []
    with tqdm(total=n_rows(n_clusters), desc=title, unit="row", disable=None) as bar:
        for contexts in batches_of_pairs(n_clusters, config.batch_rows):
            pieces.append(_frame(contexts, ranker.rank_batch(contexts), end))
            bar.update(len(contexts))
    return pl.concat(pieces)


def n_rows(n_clusters: int) -> int:
    """Return how many rows a whole table has.

    >>> n_rows(64), n_rows(761)
    (2080, 289941)
    """
    return n_clusters + n_clusters * (n_clusters - 1) // 2


def batches_of_pairs(n_clusters: int, batch_rows: int) -> Iterator[list[ClusterPair]]:
    """Yield the canonical batches: ``all_pairs`` cut every ``batch_rows``, never mixing sizes."""
    batch: list[ClusterPair] = []
    for pair in all_pairs(n_clusters):
        if batch and (len(batch) == batch_rows or len(batch[0].members) != len(pair.members)):
            yield batch
            batch = []
        batch.append(pair)
    if batch:
        yield batch


def _frame(contexts: Sequence[ClusterPair], rows: RankedRows, end: datetime) -> pl.DataFrame:
    listed = rows.clusters != NO_CLUSTER  # [B, D]
    return pl.DataFrame(
        {
            "release_id": [BUILD_RELEASE] * len(contexts),
            "pair_key": [pair.key for pair in contexts],
            "event_timestamp": [end] * len(contexts),
            "novel_clusters": [row[kept] for row, kept in zip(rows.clusters, listed, strict=True)],
            "scores": [row[kept] for row, kept in zip(rows.scores, listed, strict=True)],
        },
        schema={
            "release_id": pl.String,
            "pair_key": pl.String,
            "event_timestamp": pl.Datetime("us", "UTC"),
            "novel_clusters": pl.List(pl.Int64),
            "scores": pl.List(pl.Float32),
        },
    )
