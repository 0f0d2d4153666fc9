"""The event log as tables: events as they were recorded, and the live view's offline rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from expectations.contracts.tables import USER_LIVE_EVENTS
from inference.events.event import RecordedEvent
from inference.events.live_row import to_rows
from inference.events.log import EventLog
from pipelines.io.artefact_io import TableWriter

USERS_AT_ONCE = 10_000
"""Bounds the memory of an export."""


def to_events(recorded: Sequence[RecordedEvent]) -> pl.DataFrame:
    """Return events as rows of table EVENTS."""
    rows = [(*found.event, found.recorded_at_us) for found in recorded]
    names = ("event_id", "user_id", "item_id", "time_us", "feedback", "recorded_at_us")
    frame = pl.DataFrame(rows, schema=names, orient="row")
    return frame.with_columns(
        timestamp=pl.from_epoch(pl.col("time_us").cast(pl.Int64), "us").dt.replace_time_zone("UTC"),
        feedback=pl.col("feedback").cast(pl.Float32),
    )


def write_live_rows(log: EventLog, max_events: int, path: Path) -> None:
    """Write the live view as it is now to its offline file, for Feast's historical retrieval."""
    last = ""
    with TableWriter(path, USER_LIVE_EVENTS) as writer:
        while users := log.users(last, USERS_AT_ONCE):
            states = log.read_users(users, max_events)
            writer.write(pl.from_pandas(to_rows(states)))
            last = users[-1]
