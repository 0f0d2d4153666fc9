"""Feast's sqlite store that also takes and gives encoded rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from feast import FeatureView, RepoConfig
from feast.infra.online_stores.helpers import compute_table_id
from feast.infra.online_stores.sqlite import SqliteOnlineStore, SqliteOnlineStoreConfig
from feast.utils import to_naive_utc
from pydantic import field_validator

from inference.store.online_stores.encoded_rows import (
    EncodedRead,
    EncodedRows,
    GivesEncodedRows,
    TakesEncodedRows,
)

KILOBYTES_KEPT = 65_536
"""Pages that a batch changed and that wait in memory for its end: written sooner, they would keep
readers out until then."""


class BulkSqliteOnlineStoreConfig(SqliteOnlineStoreConfig):  # type: ignore[misc]
    """Settings of Feast's sqlite store, without those for searching vectors and text."""

    type: Literal["inference.store.online_stores.sqlite.BulkSqliteOnlineStore"] = (
        "inference.store.online_stores.sqlite.BulkSqliteOnlineStore"
    )

    @field_validator("vector_enabled", "enable_openai_compatible_store")
    @classmethod
    def _needs_no_columns(cls, is_on: bool) -> bool:
        if is_on:
            raise ValueError("the plain type sqlite has it: it adds columns to the tables")
        return is_on


class BulkSqliteOnlineStore(
    SqliteOnlineStore,  # type: ignore[misc]
    TakesEncodedRows,
    GivesEncodedRows,
):
    """The store of Feast's type ``sqlite``: the same tables, the same reading, the same rows."""

    def write_encoded(self, config: RepoConfig, view: FeatureView, rows: EncodedRows) -> None:
        """Write ``rows`` in one transaction, over what is there, as ``online_write_batch`` does.

        Rows go in by key, so that neighbours in the tree of keys are written together.
        """
        table = compute_table_id(
            config.project, view, config.registry.enable_online_feature_view_versioning
        )
        statement = f"""
            INSERT INTO "{table}" (entity_key, feature_name, value, event_ts) VALUES (?, ?, ?, ?)
            ON CONFLICT (entity_key, feature_name) DO UPDATE SET value = excluded.value,
            value_text = NULL, event_ts = excluded.event_ts, created_ts = NULL
        """
        seconds = {time: _seconds(time) for time in set(rows.times)}
        order = sorted(range(len(rows.keys)), key=rows.keys.__getitem__)  # stable: the last stands
        cells = (
            (rows.keys[row], name, values[row], seconds[rows.times[row]])
            for row in order
            for name, values in rows.values.items()
        )
        connection = self._get_conn(config)
        connection.execute(f"PRAGMA cache_size = -{KILOBYTES_KEPT}")
        with connection:
            connection.executemany(statement, cells)

    def read_encoded(
        self, config: RepoConfig, reads: Sequence[EncodedRead]
    ) -> list[list[dict[str, bytes]]]:
        """Return the rows of all reads from one statement, as ``online_read`` would of each."""
        versioned = config.registry.enable_online_feature_view_versioning
        statement = " UNION ALL ".join(
            f"SELECT {number}, entity_key, feature_name, value"
            f' FROM "{compute_table_id(config.project, read.view, versioned)}"'
            f" WHERE entity_key IN ({','.join('?' * len(read.keys))})"
            for number, read in enumerate(reads)
        )
        found: list[dict[bytes, dict[str, bytes]]] = [{key: {} for key in r.keys} for r in reads]
        keys = [key for read in reads for key in read.keys]
        for number, key, feature, value in self._get_conn(config).execute(statement, keys):
            found[number][key][feature] = value
        return [[rows[key] for key in read.keys] for read, rows in zip(reads, found, strict=True)]


def _seconds(time: datetime) -> int:
    """Return a time as Feast's adapter for sqlite writes it: UTC taken for local, whole seconds."""
    return int(to_naive_utc(time).timestamp())
