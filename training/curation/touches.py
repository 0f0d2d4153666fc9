"""A user's touches: events of one user, time and cluster taken together."""

from __future__ import annotations

import polars as pl


def find_touches(events: pl.DataFrame) -> pl.DataFrame:
    """Return one row per (user_id, timestamp, cluster_id), ``is_positive`` if any event was.

    Timestamps tie, and ties are one set: what happens at one time neither precedes nor follows.
    """
    return events.group_by("user_id", "timestamp", "cluster_id").agg(pl.any("is_positive"))


def find_first_contacts(touches: pl.DataFrame) -> pl.DataFrame:
    """Return the first touch of each user with each cluster, columns as in ``touches``."""
    is_first = pl.col("timestamp") == pl.col("timestamp").min().over("user_id", "cluster_id")
    return touches.filter(is_first)
