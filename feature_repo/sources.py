"""The offline files behind the views. Paths are absolute in Feast: its command changes folder."""

from __future__ import annotations

from pathlib import Path

from feast import FileSource, PushSource
from feast.data_format import ParquetFormat

from expectations.contracts.tables import (
    NOVEL_CLUSTER_TABLE,
    USER_CLUSTER_HISTORY,
    USER_ITEM_HISTORY,
    USER_LIVE_EVENTS,
    Table,
)
from expectations.contracts.values import LIVE_EVENTS_SOURCE
from feature_repo.entities import OWNER

REPOSITORY = Path(__file__).resolve().parents[1]

# Kept equal to pipelines/io/paths.py by a test: this room may not import it.
OFFLINE_FILES = {
    USER_CLUSTER_HISTORY.name: Path("artifacts/histories/user_cluster_history.parquet"),
    USER_ITEM_HISTORY.name: Path("artifacts/histories/user_item_history.parquet"),
    USER_LIVE_EVENTS.name: Path("var/events/user_live_events.parquet"),
    NOVEL_CLUSTER_TABLE.name: Path("artifacts/table/novel_cluster_table.parquet"),
}

WRITERS = {
    USER_CLUSTER_HISTORY.name: "stage histories",
    USER_ITEM_HISTORY.name: "stage histories",
    USER_LIVE_EVENTS.name: "publish",
    NOVEL_CLUSTER_TABLE.name: "stage table",
}


def build_source(table: Table, root: Path) -> FileSource:
    """Return the Parquet source of ``table`` in the working tree at ``root``."""
    return FileSource(
        name=f"{table.name}_file",
        path=str(root / OFFLINE_FILES[table.name]),
        file_format=ParquetFormat(),
        timestamp_field=table.event_time,
        description=f"offline rows of {table.name}",
        tags={"written_by": WRITERS[table.name]},
        owner=OWNER,
    )


def build_push_source(table: Table, root: Path) -> PushSource:
    """Return the source that the event path pushes rows of ``table`` to."""
    return PushSource(
        name=LIVE_EVENTS_SOURCE,
        batch_source=build_source(table, root),
        description="what users did since the data's end; pushed by the event path, which keeps "
        "a log: rows pushed past it are overwritten",
        tags={"written_by": "event path"},
        owner=OWNER,
    )
