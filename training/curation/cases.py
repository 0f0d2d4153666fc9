"""Finds evaluation cases: at each origin, whose window holds something new that they liked."""

from __future__ import annotations

import numpy as np
import polars as pl

from training.curation.selection import sample_rows
from training.curation.timeline import MICROSECOND, Timeline

ORDER = ("origin", "user_id")


def mine_cases(events: pl.DataFrame, timeline: Timeline) -> pl.DataFrame:
    """Return the cluster-level cases of these users.

    A case is a user with a positive interaction before the origin and, in the window, a positive
    one with a cluster not consumed before the origin.

    Args:
        events: all interactions of some users: ``user_id``, ``timestamp``, ``cluster_id``,
            ``is_positive``; any order.
        timeline: where time is cut.

    Returns:
        ``split, origin, user_id, event_timestamp`` (the origin minus one microsecond) and
        ``positives``: novel clusters, in order of when they were first liked, ties by id.
    """
    return _mine(events, "cluster_id", timeline)


def mine_item_cases(events: pl.DataFrame, timeline: Timeline) -> pl.DataFrame:
    """Return the item-level cases: as :func:`mine_cases`, with unseen items for novel clusters."""
    return _mine(events, "item_id", timeline)


def select_cases(cases: pl.DataFrame, max_cases: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return at most ``max_cases`` cases of each origin, drawn evenly, by origin and user."""
    by_origin = cases.sort(*ORDER).partition_by("origin", maintain_order=True)
    drawn = [sample_rows(of_origin, max_cases, rng) for of_origin in by_origin]
    return pl.concat(drawn) if drawn else cases


def _mine(events: pl.DataFrame, what: str, timeline: Timeline) -> pl.DataFrame:
    found = [
        _mine_window(events, what, split, pl.lit(origin), pl.lit(window_end))
        for split, origin, window_end in timeline.origins()
    ]
    return pl.concat(found).sort(*ORDER)


def _mine_window(
    events: pl.DataFrame, what: str, split: str, origin: pl.Expr, window_end: pl.Expr
) -> pl.DataFrame:
    before = events.filter(pl.col("timestamp") < origin)
    in_window = pl.col("timestamp").is_between(origin, window_end, closed="left")
    liked = events.filter(in_window, "is_positive").group_by("user_id", what)
    return (
        liked.agg(pl.min("timestamp"))
        .join(before.filter("is_positive"), on="user_id", how="semi")
        .join(before, on=["user_id", what], how="anti")
        .sort("user_id", "timestamp", what)
        .group_by("user_id", maintain_order=True)
        .agg(positives=pl.col(what))
        .select(
            split=pl.lit(split),
            origin=origin.cast(pl.Datetime("us", "UTC")),
            user_id="user_id",
            event_timestamp=(origin - MICROSECOND).cast(pl.Datetime("us", "UTC")),
            positives="positives",
        )
    )
