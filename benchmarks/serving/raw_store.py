"""The bare clients of sqlite and Redis on the rows that Feast wrote: the floor of every read.

Keys are encoded by hand after Feast's published format of online stores (version 3).
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import mmh3
import redis
import yaml

from expectations.contracts import tables
from expectations.contracts.tables import Table
from expectations.contracts.values import ClusterContext
from pipelines.io import paths

PROJECT = "interest_explorer"
STRING = struct.pack("<I", 2)  # Feast's number of the type
USER_TABLES = (tables.USER_CLUSTER_HISTORY, tables.USER_ITEM_HISTORY)


@dataclass(frozen=True)
class Case:
    """One request's keys."""

    release_id: str
    user_id: str
    contexts: tuple[ClusterContext, ...]


@dataclass(frozen=True)
class EncodedKeys:
    """The keys of a case as the store has them."""

    user: bytes
    contexts: list[bytes]


class RawStore(Protocol):
    """Fetches the values of a case as bytes."""

    def encode(self, case: Case) -> EncodedKeys:
        """Return the keys of ``case`` as the store has them."""
        ...

    def fetch(self, keys: EncodedKeys) -> list[bytes]:
        """Return all values, unparsed."""
        ...


def open_raw_store(kind: str, root: Path) -> RawStore:
    """Open the client of the store in the working tree at ``root``."""
    if kind == "sqlite":
        return RawSqlite(root / "var" / "feast_online.db")
    settings = yaml.safe_load((root / paths.FEATURE_REPO / "feature_store.yaml").read_text())
    host, port = settings["online_store"]["connection_string"].split(":")
    return RawRedis(host, int(port))


def encode(names: Sequence[str], parts: Sequence[str]) -> bytes:
    """Return the key of an entity; ``names`` of its parts stand in ascending order."""
    sized = [STRING + struct.pack("<I", len(name)) + name.encode() for name in names]
    sized += [STRING + struct.pack("<I", len(part)) + part.encode() for part in parts]
    return struct.pack("<I", len(names)) + b"".join(sized)


class RawSqlite:
    """One statement for each table."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file)

    def encode(self, case: Case) -> EncodedKeys:
        """Return the keys of ``case``."""
        return EncodedKeys(
            encode(("release_id", "user_id"), (case.release_id, case.user_id)),
            [
                encode(("context_key", "release_id"), (p.key, case.release_id))
                for p in case.contexts
            ],
        )

    def fetch(self, keys: EncodedKeys) -> list[bytes]:
        """Return all values of the user's two tables, then those of the contexts."""
        return [
            *self._select(USER_TABLES[0], [keys.user]),
            *self._select(USER_TABLES[1], [keys.user]),
            *self._select(tables.NOVEL_CLUSTER_TABLE, keys.contexts),
        ]

    def _select(self, table: Table, keys: list[bytes]) -> list[bytes]:
        marks = ",".join("?" * len(keys))
        query = (
            f"SELECT entity_key, feature_name, value FROM {PROJECT}_{table.name} "
            f"WHERE entity_key IN ({marks})"
        )
        return [value for _, _, value in self._connection.execute(query, keys).fetchall()]


class RawRedis:
    """One round trip for the user, one for the contexts."""

    def __init__(self, host: str, port: int) -> None:
        self._client = redis.Redis(host, port)
        self._user_fields = [field for table in USER_TABLES for field in _fields(table)]
        self._plan_fields = _fields(tables.NOVEL_CLUSTER_TABLE)

    def encode(self, case: Case) -> EncodedKeys:
        """Return the keys of ``case``."""
        end = PROJECT.encode()
        return EncodedKeys(
            encode(("release_id", "user_id"), (case.release_id, case.user_id)) + end,
            [
                encode(("context_key", "release_id"), (p.key, case.release_id)) + end
                for p in case.contexts
            ],
        )

    def fetch(self, keys: EncodedKeys) -> list[bytes]:
        """Return all values of the user's hash, then those of the contexts."""
        values: list[bytes | None] = []
        values += self._client.execute_command("HMGET", keys.user, *self._user_fields)
        with self._client.pipeline(transaction=False) as pipe:
            for key in keys.contexts:
                pipe.execute_command("HMGET", key, *self._plan_fields)
            for found in pipe.execute():
                values += found
        return [value for value in values if value is not None]


def _fields(table: Table) -> list[bytes]:
    hashed = (mmh3.hash(f"{table.name}:{c.name}", signed=False) for c in table.features)
    return [struct.pack("<I", number) for number in hashed]
