"""Cuts users into ranges of bounded size, so that millions of interactions pass in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from expectations.contracts.errors import UserError


@dataclass(frozen=True)
class UserRange:
    """Users with ``first <= user_id <= last`` and how many interactions they have."""

    first: str
    last: str
    n_interactions: int


def split_users(interactions: pl.LazyFrame, chunk_interactions: int) -> list[UserRange]:
    """Return ascending, disjoint ranges that cover every user.

    A range holds at most ``chunk_interactions`` interactions unless a single user has more.
    """
    counts = (
        interactions.group_by("user_id").agg(pl.len()).collect(engine="streaming").sort("user_id")
    )
    if counts.is_empty():
        return []
    ends = np.cumsum(counts["len"].to_numpy())
    ranges: list[UserRange] = []
    start, before = 0, 0
    while start < counts.height:
        stop = int(np.searchsorted(ends, before + chunk_interactions, side="right"))
        stop = max(stop, start + 1)
        size = int(ends[stop - 1]) - before
        ranges.append(UserRange(counts["user_id"][start], counts["user_id"][stop - 1], size))
        start, before = stop, int(ends[stop - 1])
    return ranges


def read_chunk(interactions: pl.LazyFrame, users: UserRange) -> pl.DataFrame:
    """Return the interactions of one range of users, in no particular order."""
    within = pl.col("user_id").is_between(pl.lit(users.first), pl.lit(users.last))
    return interactions.filter(within).collect(engine="streaming")


def clustered_chunks(
    interactions: pl.LazyFrame, item_clusters: pl.DataFrame, chunk_interactions: int
) -> Iterator[pl.DataFrame]:
    """Yield interactions with their ``cluster_id``, a range of users at a time, ascending.

    Args:
        interactions: table INTERACTIONS.
        item_clusters: ``item_id, cluster_id`` at the serving level, one row an item.
        chunk_interactions: interactions in one piece, see :func:`split_users`.

    Raises:
        UserError: an interaction is with an item that has no cluster.
    """
    for users in split_users(interactions, chunk_interactions):
        chunk = read_chunk(interactions, users).join(item_clusters, on="item_id", how="left")
        strangers = chunk.filter(pl.col("cluster_id").is_null())
        if not strangers.is_empty():
            raise UserError(
                "interactions",
                "every item has a cluster",
                "build the clusters again from these items",
                str(strangers["item_id"].unique().sort().head(3).to_list()),
            )
        yield chunk
