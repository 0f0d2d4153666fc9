"""What early stopping looks at: NDCG@10 on the items users turned to next, full ranking."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from training.curation.user_chunks import read_chunk, split_users
from training.evaluation.metrics import ndcg_at_k
from training.item_scoring.top_k import top_k
from training.recommender.data.histories import CHUNK_INTERACTIONS, Sequences, read_sequences
from training.recommender.data.layout import FIRST_ITEM, ItemLayout
from training.recommender.data.neighbours import SequentialNeighbours
from training.recommender.model.recommender import SequenceRecommender

NDCG_DEPTH = 10
"""NDCG@10, as papers on sequence recommenders report it."""
USERS_AT_ONCE = 512
"""Bounds the memory of a pass; no figure depends on it."""
MIN_STANDARD_ERRORS = 2.0
"""Standard errors by which a difference is more than chance."""
MIN_CASES = 100
"""Cases below which nothing is clear."""


@dataclass(frozen=True)
class ValidationCases:
    """Users with a past and a future: row ``u`` of both belongs to one user.

    Attributes:
        histories: items before the validation window, oldest first.
        positives: items of the window that the user had not touched before, at least one.
    """

    histories: Sequences
    positives: Sequences


def find_validation_cases(
    interactions: pl.LazyFrame,
    layout: ItemLayout,
    start: datetime,
    end: datetime,
    max_users: int,
    rng: np.random.Generator,
) -> ValidationCases:
    """Return the users who liked something before ``start`` and something new up to ``end``.

    A new item is one without any earlier interaction, positive or not. Beyond ``max_users``
    a random part of them is taken.
    """
    users, histories = read_sequences(interactions, layout, start)
    people = pl.DataFrame({"user_id": users}).with_row_index("row")
    before = interactions.filter(pl.col("timestamp") < end)
    pieces = [_find_fresh(before.limit(0).collect(), layout, people, start)]
    for part in split_users(before, CHUNK_INTERACTIONS):
        pieces.append(_find_fresh(read_chunk(before, part), layout, people, start))
    fresh = pl.concat(pieces)
    counts = fresh.group_by("row", maintain_order=True).len()
    offsets = np.concatenate([[0], np.cumsum(counts["len"].to_numpy())]).astype(np.int64)
    positives = Sequences(fresh["index"].to_numpy(), offsets)
    n_taken = min(max_users, len(positives))
    taken = np.sort(rng.permutation(len(positives))[:n_taken])
    rows = counts["row"].to_numpy()[taken].astype(np.int64)
    return ValidationCases(histories.take(rows), positives.take(taken))


def _find_fresh(
    interactions: pl.DataFrame, layout: ItemLayout, people: pl.DataFrame, start: datetime
) -> pl.DataFrame:
    """Return the new items liked from ``start`` on: columns row and index, ascending, distinct."""
    seen = interactions.filter(pl.col("timestamp") < start).select("user_id", "item_id")
    return (
        interactions.filter(pl.col("is_positive") & (pl.col("timestamp") >= start))
        .join(seen, on=["user_id", "item_id"], how="anti")
        .join(layout.frame, on="item_id")
        .join(people, on="user_id")
        .select("row", "index")
        .unique()
        .sort("row", "index")
    )


def measure_ndcg(recommender: SequenceRecommender, cases: ValidationCases) -> float:
    """Return the mean NDCG@10 over the cases; the items of the history are not ranked."""
    return float(np.mean(_find_gains(recommender, cases)))


def choose_history_decay(
    neighbours: SequentialNeighbours, cases: ValidationCases
) -> SequentialNeighbours:
    """Return the neighbours with one of their ``history_decays``: the first, or a better one.

    Better is one whose NDCG@10, ranking alone, is higher by more than ``MIN_STANDARD_ERRORS``
    of the difference over the cases; of several the best. Below ``MIN_CASES`` cases none is.
    """
    first, *others = neighbours.config.history_decays
    chosen, best = neighbours.with_history_decay(first), 0.0
    if not others or len(cases.histories) < MIN_CASES:
        return chosen
    gains = _find_gains(chosen, cases)
    for other in others:
        tried = neighbours.with_history_decay(other)
        ahead = _find_gains(tried, cases) - gains
        if ahead.mean() > max(best, MIN_STANDARD_ERRORS * ahead.std() / math.sqrt(len(ahead))):
            chosen, best = tried, ahead.mean()
    return chosen


def _find_gains(
    scorer: SequenceRecommender | SequentialNeighbours, cases: ValidationCases
) -> np.ndarray:
    """Return the NDCG@10 of every case, float64 ``[n_cases]``."""
    gains = []
    for start in range(0, len(cases.histories), USERS_AT_ONCE):
        rows = range(start, min(start + USERS_AT_ONCE, len(cases.histories)))
        histories = cases.histories.take(np.array(rows))
        scores = scorer.score_sequences(histories)  # [users, items]
        for row, user in enumerate(rows):
            scores[row, cases.histories[user] - FIRST_ITEM] = -np.inf
            ranked = top_k(scores[row], NDCG_DEPTH) + FIRST_ITEM
            gains.append(
                ndcg_at_k(ranked.tolist(), set(cases.positives[user].tolist()), NDCG_DEPTH)
            )
    return np.array(gains)
