"""Who first came to which cluster when: all that the baselines learn from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray


@dataclass(frozen=True)
class Visits:
    """One entry per user and cluster touched, V of them, sorted by user, then by time of liking.

    Attributes:
        users: index of the user, 0 to n_users - 1, int64 [V].
        clusters: cluster id, int64 [V].
        liked_at: microseconds of the first positive interaction, int64 [V]; -1 where none.
        novel_likes: whether the very first contact was positive: a transition, bool [V].
        n_users: users with at least one interaction.
        n_clusters: clusters at the serving level.
    """

    users: NDArray[np.int64]
    clusters: NDArray[np.int64]
    liked_at: NDArray[np.int64]
    novel_likes: NDArray[np.bool_]
    n_users: int
    n_clusters: int


def collect_visits(
    interactions: pl.LazyFrame, item_clusters: pl.DataFrame, until: datetime, n_clusters: int
) -> Visits:
    """Return the visits that interactions strictly before ``until`` hold.

    Args:
        interactions: table INTERACTIONS, any order.
        item_clusters: (item_id, cluster_id) of the serving level.
        until: nothing from this time on is read.
        n_clusters: clusters at the serving level.
    """
    time = pl.col("timestamp").dt.epoch("us")
    frame = (
        interactions.filter(pl.col("timestamp") < until)
        .select("user_id", "item_id", "is_positive", time.alias("time"))
        .join(item_clusters.lazy(), on="item_id")
        .group_by("user_id", "cluster_id")
        .agg(
            touched_at=pl.col("time").min(),
            liked_at=pl.col("time").filter(pl.col("is_positive")).min().fill_null(-1),
        )
        .sort("user_id", "liked_at", "cluster_id")
        .collect(engine="streaming")
    )
    users = frame["user_id"].rle_id().cast(pl.Int64).to_numpy()
    return Visits(
        users=users,
        clusters=frame["cluster_id"].to_numpy(),
        liked_at=frame["liked_at"].to_numpy(),
        novel_likes=(frame["liked_at"] == frame["touched_at"]).to_numpy(),
        n_users=int(users[-1]) + 1 if len(users) else 0,
        n_clusters=n_clusters,
    )
