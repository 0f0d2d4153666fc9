"""A user's cluster history as rows: the state after every moment that changed it."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa

from expectations.contracts.values import BUILD_RELEASE
from training.curation.config import HistoryConfig
from training.curation.touches import find_touches

EMPTY = -1
"""Fills rows after a history's end: no cluster has it."""


def cluster_history_rows(events: pl.DataFrame, config: HistoryConfig) -> pl.DataFrame:
    """Return the rows of USER_CLUSTER_HISTORY of these users, by user and time.

    Events of one user at one time are one set: they give one row, and within the set clusters
    stand in ascending id. A row is left out where the state did not change.

    Args:
        events: all interactions of some users: ``user_id``, ``timestamp``, ``cluster_id``,
            ``is_positive``; any order.
        config: how many history clusters are kept.
    """
    touches = find_touches(events)
    moments = _moments(touches)
    touches = touches.join(moments, on=["user_id", "timestamp"])
    user_of_moment = moments["user"].to_numpy()

    liked = touches.filter("is_positive").sort("moment", "cluster_id", descending=[False, True])
    states = _newest_first(
        liked["user"].to_numpy(), liked["cluster_id"].to_numpy(), config.max_clusters
    )
    history = _state_at_moments(states, liked, user_of_moment)

    contacts = _first_contacts(touches)
    n_contacts = np.bincount(contacts["moment"].to_numpy(), minlength=moments.height)
    changed = _has_changed(history, n_contacts, user_of_moment)

    rows = np.flatnonzero(changed)
    return moments[rows].select(
        release_id=pl.lit(BUILD_RELEASE),
        user_id="user_id",
        event_timestamp="timestamp",
        history_clusters=_to_lists(history[rows]),
        consumed_clusters=_prefixes(contacts, n_contacts, user_of_moment, rows),
    )


def _moments(touches: pl.DataFrame) -> pl.DataFrame:
    """Number every distinct (user, timestamp), by user and time, and every user."""
    ordered = touches.select("user_id", "timestamp").unique().sort("user_id", "timestamp")
    return ordered.with_columns(
        moment=pl.int_range(pl.len(), dtype=pl.Int64),
        user=pl.col("user_id").rle_id().cast(pl.Int64),
    )


def _newest_first(users: np.ndarray, clusters: np.ndarray, width: int) -> np.ndarray:
    """Return the move-to-front list after every event, int32 ``[events, width]``.

    Events stand by user, each user's in order of time. One step takes the next event of every
    user who still has one, so the loop is as long as the busiest user's past.
    """
    # E events, U users with events left at this step, W width
    states = np.full((users.size, width), EMPTY, dtype=np.int32)  # [E, W]
    if users.size == 0:
        return states
    starts = np.flatnonzero(np.r_[True, users[1:] != users[:-1]])
    lengths = np.diff(np.r_[starts, users.size])
    busiest_first = np.argsort(-lengths, kind="stable")
    starts, lengths = starts[busiest_first], lengths[busiest_first]
    current = np.full((starts.size, width), EMPTY, dtype=np.int32)  # [U, W]
    positions = np.arange(width)
    active = starts.size
    for step in range(int(lengths[0])):
        while lengths[active - 1] <= step:
            active -= 1
        events = starts[:active] + step  # [U]
        newest = clusters[events].astype(np.int32)[:, None]  # [U, 1]
        before = current[:active]  # [U, W]
        same = before == newest  # [U, W]
        position = np.where(same.any(axis=1), same.argmax(axis=1), width)[:, None]  # [U, 1]
        moved = np.concatenate([newest, before[:, :-1]], axis=1)  # [U, W]
        current[:active] = np.where(positions <= position, moved, before)
        states[events] = current[:active]
    return states


def _state_at_moments(
    states: np.ndarray, liked: pl.DataFrame, user_of_moment: np.ndarray
) -> np.ndarray:
    """Carry the state after the last positive event forward to every moment, ``[moments, W]``."""
    n_moments = user_of_moment.size
    per_moment = np.bincount(liked["moment"].to_numpy(), minlength=n_moments)
    last = np.cumsum(per_moment) - 1  # newest positive event so far, of this user or one before
    history = np.full((n_moments, states.shape[1]), EMPTY, dtype=np.int32)
    own = last >= 0
    own[own] = liked["user"].to_numpy()[last[own]] == user_of_moment[own]
    history[own] = states[last[own]]
    return history


def _first_contacts(touches: pl.DataFrame) -> pl.DataFrame:
    """Return each user's first contact with each cluster, by user, time and cluster id."""
    first = touches.group_by("user", "cluster_id").agg(pl.min("moment"))
    return first.sort("moment", "cluster_id")


def _has_changed(
    history: np.ndarray, n_contacts: np.ndarray, user_of_moment: np.ndarray
) -> np.ndarray:
    changed = n_contacts > 0
    moved = (history[1:] != history[:-1]).any(axis=1)
    changed[1:] |= moved & (user_of_moment[1:] == user_of_moment[:-1])
    return np.asarray(changed)


def _to_lists(states: np.ndarray) -> pl.Series:
    """Return the filled part of every row as a list."""
    filled = states != EMPTY
    return _lists(states[filled].astype(np.int64), filled.sum(axis=1))


def _prefixes(
    contacts: pl.DataFrame, n_contacts: np.ndarray, user_of_moment: np.ndarray, rows: np.ndarray
) -> pl.Series:
    """Return, for each moment in ``rows``, its user's contacts up to and including it."""
    clusters = contacts["cluster_id"].to_numpy()
    upto = np.cumsum(n_contacts)  # contacts at or before a moment, over all users so far
    is_first = np.r_[True, user_of_moment[1:] != user_of_moment[:-1]]
    begin_of_user = (upto - n_contacts)[is_first]
    begins = begin_of_user[user_of_moment[rows]]
    lengths = upto[rows] - begins
    flat_starts = np.cumsum(lengths) - lengths
    positions = np.arange(lengths.sum()) + np.repeat(begins - flat_starts, lengths)
    return _lists(clusters[positions], lengths)


def _lists(values: np.ndarray, lengths: np.ndarray) -> pl.Series:
    """Cut flat int64 ``values`` into consecutive lists of these lengths."""
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    lists = pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), pa.array(values))
    return pl.Series(pl.from_arrow(lists))
