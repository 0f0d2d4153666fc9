"""The offline files behind the views. Paths are absolute in Feast: its command changes folder."""

from __future__ import annotations

from pathlib import Path

from feast import FileSource
from feast.data_format import ParquetFormat

from expectations.contracts.tables import (
    NOVEL_CLUSTER_TABLE,
    USER_CLUSTER_HISTORY,
    USER_ITEM_HISTORY,
    Table,
)

REPOSITORY = Path(__file__).resolve().parents[1]

# Kept equal to pipelines/paths.py by a test: this room may not import it.
OFFLINE_FILES = {
    USER_CLUSTER_HISTORY.name: Path("artifacts/histories/user_cluster_history.parquet"),
    USER_ITEM_HISTORY.name: Path("artifacts/histories/user_item_history.parquet"),
    NOVEL_CLUSTER_TABLE.name: Path("artifacts/table/novel_cluster_table.parquet"),
}


def build_source(table: Table, root: Path) -> FileSource:
    """Return the Parquet source of ``table`` in the working tree at ``root``."""
    return FileSource(
        name=f"{table.name}_file",
        path=str(root / OFFLINE_FILES[table.name]),
        file_format=ParquetFormat(),
        timestamp_field=table.event_time,
        description=f"offline rows of {table.name}",
    )
