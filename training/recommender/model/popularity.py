"""What people like: the answer where nothing is known of a user."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl

from training.recommender.data.histories import Sequences
from training.recommender.data.layout import FIRST_ITEM, ItemLayout


def count_in_sequences(sequences: Sequences, n_items: int) -> np.ndarray:
    """Return how often each item stands in what users liked, int64 ``[n_items]``, by row."""
    return np.bincount(sequences.items - FIRST_ITEM, minlength=n_items)


def score_popularity(likes: np.ndarray, weight: float) -> np.ndarray:
    """Return what popularity adds to scores: the weighted logarithm of likes, float32."""
    scores: np.ndarray = np.float32(weight) * np.log1p(likes).astype(np.float32)
    return scores


def count_likes(interactions: pl.LazyFrame, layout: ItemLayout, until: datetime) -> pl.DataFrame:
    """Return ITEM_POPULARITY: positive interactions of each item before ``until``.

    The most liked items stand first, equal ones by id; items nobody liked have a zero.
    """
    liked = (
        interactions.filter(pl.col("is_positive") & (pl.col("timestamp") < until))
        .group_by("item_id")
        .agg(n_positive=pl.len().cast(pl.Int64))
        .collect(engine="streaming")
    )
    return (
        layout.frame.select("item_id")
        .join(liked, on="item_id", how="left")
        .with_columns(pl.col("n_positive").fill_null(0))
        .sort("n_positive", "item_id", descending=[True, False])
    )
