"""Small pasts with known histories, and a slow obvious reference to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import strategies as st

START = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Event:
    """One interaction: who, how many seconds after :data:`START`, with which cluster and item."""

    user: str
    second: int
    cluster: int
    positive: bool = True
    item: str = ""

    @property
    def item_id(self) -> str:
        """The item; the cluster's first one where none is named."""
        return self.item or f"c{self.cluster}i0"


def any_event(users: Sequence[str], seconds: int, clusters: int) -> st.SearchStrategy[Event]:
    """Draws events of these users, within so many seconds and clusters."""
    return st.builds(
        Event,
        user=st.sampled_from(users),
        second=st.integers(0, seconds - 1),
        cluster=st.integers(0, clusters - 1),
        positive=st.booleans(),
    )


def at(second: int) -> datetime:
    """The time that many seconds after :data:`START`."""
    return START + timedelta(seconds=second)


def interactions_of(events: Sequence[Event]) -> pl.DataFrame:
    """The events as table INTERACTIONS."""
    rows = [(e.user, e.item_id, at(e.second), None, e.positive) for e in events]
    schema = {
        "user_id": pl.String,
        "item_id": pl.String,
        "timestamp": pl.Datetime("us", "UTC"),
        "feedback": pl.Float32,
        "is_positive": pl.Boolean,
    }
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.sort("user_id", "timestamp", "item_id")


def item_clusters_of(events: Sequence[Event]) -> pl.DataFrame:
    """``item_id, cluster_id`` of every item that the events name."""
    pairs = sorted({(e.item_id, e.cluster) for e in events})
    return pl.DataFrame(pairs, schema={"item_id": pl.String, "cluster_id": pl.Int64}, orient="row")


def clustered(events: Sequence[Event]) -> pl.DataFrame:
    """The events as interactions with their cluster."""
    return interactions_of(events).join(item_clusters_of(events), on="item_id", how="left")


def state_of(
    events: Sequence[Event], user: str, upto: int, width: int
) -> tuple[list[int], list[int]]:
    """(history, consumed) of a user after second ``upto``, by plain loops over plain lists."""
    history: list[int] = []
    consumed: list[int] = []
    mine = [e for e in events if e.user == user and e.second <= upto]
    for second in sorted({e.second for e in mine}):
        now = [e for e in mine if e.second == second]
        for cluster in sorted({e.cluster for e in now if e.positive}, reverse=True):
            history = [cluster, *(other for other in history if other != cluster)]
        consumed += sorted({e.cluster for e in now} - set(consumed))
    return history[:width], consumed


def clusters_of(count: int) -> pl.DataFrame:
    """A tree of one level with that many clusters, as table CLUSTERS."""
    ids = list(range(count))
    return pl.DataFrame(
        {
            "level": [0] * count,
            "cluster_id": ids,
            "parent_id": [None] * count,
            "description": [f"kind number {n}" for n in ids],
            "n_items": [1] * count,
            "traffic": [1 / count] * count,
            "distinction": [None] * count,
        },
        schema_overrides={
            "parent_id": pl.Int64,
            "traffic": pl.Float32,
            "distinction": pl.String,
        },
    )
