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
        touched_at: microseconds of the first interaction of any feedback, int64 [V].
        liked_at: microseconds of the first positive interaction, int64 [V]; -1 where none.
        novel_likes: whether the very first contact was positive: a transition, bool [V].
        n_users: users with at least one interaction.
        n_clusters: clusters at the serving level.
    """

    users: NDArray[np.int64]
    clusters: NDArray[np.int64]
    touched_at: NDArray[np.int64]
    liked_at: NDArray[np.int64]
    novel_likes: NDArray[np.bool_]
    n_users: int
    n_clusters: int


@dataclass(frozen=True)
class Pasts:
    """What one user each had touched by some moment, B of them, oldest contact first.

    Attributes:
        clusters: distinct clusters, by first contact, those of one time in ascending id.
        liked_first: whether that first contact was positive, one flag per cluster.
        ages: how many later moments brought something new, 0 for the newest; ties are equal.
    """

    clusters: list[list[int]]
    liked_first: list[list[bool]]
    ages: list[list[int]]

    def __len__(self) -> int:
        return len(self.clusters)


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
    first = _first_contacts(interactions, item_clusters, until)
    frame = first.sort("user_id", "liked_at", "cluster_id").collect(engine="streaming")
    users = frame["user_id"].rle_id().cast(pl.Int64).to_numpy()
    return Visits(
        users=users,
        clusters=frame["cluster_id"].to_numpy(),
        touched_at=frame["touched_at"].to_numpy(),
        liked_at=frame["liked_at"].to_numpy(),
        novel_likes=(frame["liked_at"] == frame["touched_at"]).to_numpy(),
        n_users=int(users[-1]) + 1 if len(users) else 0,
        n_clusters=n_clusters,
    )


def collect_pasts(
    interactions: pl.LazyFrame, item_clusters: pl.DataFrame, cases: pl.DataFrame
) -> Pasts:
    """Return what the user of each case had touched strictly before the case's origin.

    Args:
        interactions: table INTERACTIONS, any order.
        item_clusters: (item_id, cluster_id) of the serving level.
        cases: columns ``origin`` and ``user_id``, one row per case, in the order of the result.
    """
    if cases.is_empty():
        return Pasts([], [], [])
    found = []
    for origin in cases["origin"].unique().sort().to_list():
        asked = cases.lazy().filter(pl.col("origin") == origin).select("origin", "user_id")
        theirs = interactions.join(asked.select("user_id"), on="user_id", how="semi")
        contacts = (
            _first_contacts(theirs, item_clusters, origin)
            .sort("user_id", "touched_at", "cluster_id")
            .group_by("user_id", maintain_order=True)
            .agg(
                "cluster_id",
                liked_first=pl.col("liked_at") == pl.col("touched_at"),
                age=pl.col("touched_at").rank("dense", descending=True).cast(pl.Int64) - 1,
            )
        )
        found.append(asked.join(contacts, on="user_id").collect())
    keys = cases.select("origin", "user_id")
    pasts = keys.join(
        pl.concat(found), on=["origin", "user_id"], how="left", maintain_order="left"
    ).with_columns(pl.col("cluster_id", "liked_first", "age").fill_null([]))
    columns = (pasts[name].to_list() for name in ("cluster_id", "liked_first", "age"))
    return Pasts(*columns)


def _first_contacts(
    interactions: pl.LazyFrame, item_clusters: pl.DataFrame, until: datetime
) -> pl.LazyFrame:
    """Return user_id, cluster_id, and when it was first touched and first liked (-1: never)."""
    time = pl.col("timestamp").dt.epoch("us")
    return (
        interactions.filter(pl.col("timestamp") < until)
        .select("user_id", "item_id", "is_positive", time.alias("time"))
        .join(item_clusters.lazy(), on="item_id")
        .group_by("user_id", "cluster_id")
        .agg(
            touched_at=pl.col("time").min(),
            liked_at=pl.col("time").filter(pl.col("is_positive")).min().fill_null(-1),
        )
    )
