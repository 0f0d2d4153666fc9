"""Finds transitions: a user with history clusters takes to a cluster never touched before."""

from __future__ import annotations

import polars as pl

from expectations.contracts.values import HISTORY_SIZE
from training.curation.timeline import MICROSECOND, Timeline
from training.curation.touches import find_first_contacts, find_touches


def mine_transitions(events: pl.DataFrame, timeline: Timeline) -> pl.DataFrame:
    """Return the labels of these users: whose first touch of which cluster was positive.

    A label needs a positive touch of another cluster strictly before it. Labels before
    ``timeline.train_until`` are for training, those up to the first test origin for validation;
    later ones are nobody's.

    Args:
        events: all interactions of some users: ``user_id``, ``timestamp``, ``cluster_id``,
            ``is_positive``; any order.
        timeline: where time is cut.

    Returns:
        ``split, user_id, event_timestamp`` (the label's time minus one microsecond),
        ``target_cluster``, and what the state retrieved for that time must agree with:
        ``n_consumed`` clusters touched and ``newest_cluster`` liked strictly before the label.
        In order of user, time and target.
    """
    touches = find_touches(events)
    contacts = find_first_contacts(touches)
    before_test = pl.col("timestamp") < timeline.fit_until
    labels = (
        _with_contacts_before(contacts)
        .filter(before_test, "is_positive")
        .sort("timestamp")
        .join_asof(
            _newest_liked(touches),
            on="timestamp",
            by="user_id",
            strategy="backward",
            allow_exact_matches=False,
            check_sortedness=False,
        )
        .filter(pl.col("newest_cluster").is_not_null())
    )
    is_training = pl.col("timestamp") < timeline.train_until
    return labels.select(
        split=pl.when(is_training).then(pl.lit("train")).otherwise(pl.lit("validation")),
        user_id="user_id",
        event_timestamp=pl.col("timestamp") - MICROSECOND,
        target_cluster="cluster_id",
        n_consumed="n_consumed",
        newest_cluster="newest_cluster",
    ).sort("user_id", "event_timestamp", "target_cluster")


def to_transitions(labels: pl.DataFrame) -> pl.DataFrame:
    """Return TRANSITIONS of labels with the retrieved state of their users beside them.

    The context is the K newest history clusters in ascending id, as in every prompt and key.
    """
    context = pl.col("history_clusters").list.head(HISTORY_SIZE).list.sort()
    return labels.select(
        "split", "user_id", "event_timestamp", "history_clusters", "consumed_clusters",
        context.alias("context"), "target_cluster",
    )  # fmt: skip


def _with_contacts_before(contacts: pl.DataFrame) -> pl.DataFrame:
    """Add ``n_consumed``: the clusters the user had touched strictly before this contact."""
    earlier_or_tied = pl.col("timestamp").rank("min").over("user_id")
    return contacts.with_columns(n_consumed=earlier_or_tied.cast(pl.Int64) - 1)


def _newest_liked(touches: pl.DataFrame) -> pl.DataFrame:
    """Return the front of every user's history after each positive moment, by time."""
    return (
        touches.filter("is_positive")
        .group_by("user_id", "timestamp")
        .agg(newest_cluster=pl.col("cluster_id").min())
        .sort("timestamp")
    )
