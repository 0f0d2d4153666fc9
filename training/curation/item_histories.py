"""A user's item history: snapshots of what was liked and what was ever touched."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from expectations.contracts.values import BUILD_RELEASE
from training.curation.config import HistoryConfig
from training.curation.timeline import MICROSECOND, Timeline


def snapshot_times(timeline: Timeline) -> list[datetime]:
    """Return when item histories are taken: before every evaluation origin, and at the end."""
    return [*(origin for _, origin, _ in timeline.origins()), timeline.end]


def item_history_rows(
    events: pl.DataFrame, times: Sequence[datetime], config: HistoryConfig
) -> pl.DataFrame:
    """Return the rows of USER_ITEM_HISTORY of these users, by user and time.

    A snapshot for time ``t`` holds what happened strictly before ``t`` and is stamped one
    microsecond earlier, so that Feast's join at or before ``t - 1 µs`` finds it. Users without
    an earlier interaction have no snapshot. Items are distinct, each at its newest position; items
    of one moment stand in ascending id.

    Args:
        events: all interactions of some users: ``user_id``, ``item_id``, ``timestamp``,
            ``is_positive``; any order.
        times: the snapshot times, see :func:`snapshot_times`.
        config: how many items are kept.
    """
    snapshots = [_snapshot(events, time, config) for time in times]
    return pl.concat(snapshots).sort("user_id", "event_timestamp")


def _snapshot(events: pl.DataFrame, time: datetime, config: HistoryConfig) -> pl.DataFrame:
    past = events.filter(pl.col("timestamp") < time)
    consumed = _newest_items(past, config.max_consumed_items, "consumed_items")
    liked = _newest_items(past.filter("is_positive"), config.max_items, "recent_items")
    nothing = pl.lit([], dtype=pl.List(pl.String))
    return consumed.join(liked, on="user_id", how="left", maintain_order="left").select(
        release_id=pl.lit(BUILD_RELEASE),
        user_id="user_id",
        event_timestamp=pl.lit(time - MICROSECOND, dtype=pl.Datetime("us", "UTC")),
        recent_items=pl.col("recent_items").fill_null(nothing),
        consumed_items="consumed_items",
    )


def _newest_items(events: pl.DataFrame, count: int, name: str) -> pl.DataFrame:
    newest = events.group_by("user_id", "item_id").agg(pl.max("timestamp"))
    ordered = newest.sort("user_id", "timestamp", "item_id", descending=[False, True, False])
    lists = ordered.group_by("user_id", maintain_order=True)
    return lists.agg(pl.col("item_id").head(count).alias(name))
