"""The novel-cluster table: every single cluster and every pair, planned once, offline.

Contexts are taken in the order of ``all_pairs`` in batches of fixed size, whatever part of the
table is asked for, and scores are rounded before they are ranked: the same planner gives the
same table, byte for byte, wherever a run was broken off and taken up again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray
from tqdm import tqdm

from expectations.contracts.values import BUILD_RELEASE, ClusterPair, all_pairs
from inference.planning.config import TableConfig
from inference.planning.scoring import DescriptionScorer
from training.planner.model_io import Planner

# Shapes: B contexts in a batch, N clusters, D depth of a row.


class ContextScorer(Protocol):
    """Whatever scores all clusters in a context: the planner, or a baseline put in its place."""

    def score_batch(self, contexts: Sequence[ClusterPair]) -> NDArray[np.float64]:
        """Return a log-probability of every cluster in these contexts, [B, N]."""
        ...


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
    return fill_table(scorer, len(texts), end, config)


def fill_table(
    scorer: ContextScorer, n_clusters: int, end: datetime, config: TableConfig, title: str = "table"
) -> pl.DataFrame:
    """Return NOVEL_CLUSTER_TABLE filled by ``scorer``, rows in the order of ``all_pairs``.

    ``title`` stands before the progress bar.
    """
    pieces = []
    with tqdm(total=n_rows(n_clusters), desc=title, unit="row", disable=None) as bar:
        for contexts in batches_of_pairs(n_clusters, config.batch_rows):
            clusters, scores = rank(scorer.score_batch(contexts), contexts, config)
            pieces.append(_frame(contexts, clusters, scores, end))
            bar.update(len(contexts))
    return pl.concat(pieces)


def n_rows(n_clusters: int) -> int:
    """Return how many rows a whole table has.

    >>> n_rows(64), n_rows(761)
    (2080, 289941)
    """
    return n_clusters + n_clusters * (n_clusters - 1) // 2


def row_depth(n_clusters: int, n_members: int, config: TableConfig) -> int:
    """Return how many places a row has whose pair has ``n_members`` clusters."""
    whole = n_clusters - n_members
    return whole if n_clusters <= config.whole_up_to else min(whole, config.depth)


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


def rank(
    scores: NDArray[np.float64], contexts: Sequence[ClusterPair], config: TableConfig
) -> tuple[list[NDArray[np.int64]], list[NDArray[np.float32]]]:
    """Return each row's clusters best first and their rounded scores.

    ``scores`` are [B, N]. Members of a row's pair are never proposed; equal scores stand in
    ascending cluster id.
    """
    steps = np.rint(scores / config.score_step)  # [B, N]
    for row, pair in enumerate(contexts):
        steps[row, list(pair.members)] = -np.inf
    order = np.argsort(-steps, axis=1, kind="stable")  # [B, N]
    best = (np.take_along_axis(steps, order, axis=1) * config.score_step).astype(np.float32)
    depths = [row_depth(scores.shape[1], len(pair.members), config) for pair in contexts]
    clusters = [row[:depth] for row, depth in zip(order, depths, strict=True)]
    return clusters, [row[:depth] for row, depth in zip(best, depths, strict=True)]


def _frame(
    contexts: Sequence[ClusterPair],
    clusters: list[NDArray[np.int64]],
    scores: list[NDArray[np.float32]],
    end: datetime,
) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "release_id": [BUILD_RELEASE] * len(contexts),
            "pair_key": [pair.key for pair in contexts],
            "event_timestamp": [end] * len(contexts),
            "novel_clusters": clusters,
            "scores": scores,
        },
        schema={
            "release_id": pl.String,
            "pair_key": pl.String,
            "event_timestamp": pl.Datetime("us", "UTC"),
            "novel_clusters": pl.List(pl.Int64),
            "scores": pl.List(pl.Float32),
        },
    )
