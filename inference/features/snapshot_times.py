"""Keeps training sets from item histories of another time than they say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import pandas as pd
import polars as pl
from feast import FeatureView
from feast.errors import FeastError

from expectations.contracts.tables import USER_ITEM_HISTORY

TIME = str(USER_ITEM_HISTORY.event_time)
SHOWN = 3
"""Times in the line of an error; a build has four snapshots."""


class BetweenSnapshotsError(FeastError):  # type: ignore[misc]
    """Item histories were asked for as of a time that no snapshot stands for."""


def require_snapshot_times(views: Iterable[FeatureView], entities: pd.DataFrame) -> None:
    """Refuse a retrieval whose item histories would be older than its times.

    Item histories are kept at snapshots, before each evaluation origin and at the data's end, since
    lists of items at every change grow with the square of a log. A snapshot is true at its own
    time, and the last one ever after. Feast would join the snapshot before, beside cluster
    histories that are true at every time.

    Args:
        views: that are to be joined.
        entities: what they are joined to, with Feast's ``event_timestamp``.

    Raises:
        BetweenSnapshotsError: a row's time is before the last snapshot and at none.
    """
    for view in views:
        if view.name == USER_ITEM_HISTORY.name:
            stamps = _stamps_of(view.batch_source.path)
            times = pl.from_pandas(entities[[TIME]])[TIME].cast(pl.Datetime("us", "UTC"))
            between = times.filter(~(times.is_in(stamps) | (times >= stamps[-1]))).unique().sort()
            if between.len():
                raise BetweenSnapshotsError(_words(between.to_list(), stamps))


def _stamps_of(file: str) -> list[datetime]:
    times = pl.scan_parquet(file).select(pl.col(TIME).unique().sort()).collect()
    return times[TIME].to_list()


def _words(between: Sequence[datetime], stamps: Sequence[datetime]) -> str:
    asked = ", ".join(time.isoformat() for time in between[:SHOWN])
    there = ", ".join(time.isoformat() for time in stamps)
    return (
        f"{USER_ITEM_HISTORY.name}: item histories are true at {there} and after, not at {asked}. "
        "The service cluster_curation is true at any time; items of another time are in the log, "
        "artifacts/ingest/interactions.parquet"
    )
