"""Lists and removes rows of the online store by their key: Feast itself has no command for either.

Rows are found by the key that Feast wrote, read back with Feast's own decoder, whatever the feature
registry knows: a lost one loses nobody. Removing goes in small pieces, so that readers are not held
up.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from feast import FeatureStore
from feast.infra.key_encoding_utils import deserialize_entity_key
from feast.infra.online_stores.redis import RedisOnlineStore
from feast.infra.online_stores.sqlite import SqliteOnlineStore

from expectations.contracts.errors import UserError

if TYPE_CHECKING:
    from redis import Redis

KEYS_AT_ONCE = 1_000
"""Bounds a transaction that others wait for; SQLite takes 32,766 variables in a statement."""
LOCK_SECONDS = 60.0
"""How long a removal waits for a writer of the sqlite store: longer than a batch of rows takes."""

EntityKey = Mapping[str, str]
"""Name of each join key to its value, for example ``{"release_id": …, "user_id": …}``."""


def count_online_rows(
    store: FeatureStore, label: Callable[[EntityKey], str | None]
) -> dict[str, int]:
    """Return how many rows bear each label; rows labelled ``None`` are not counted.

    A row is one key in one table of the store: Redis keeps all views of a key in one.
    """
    counts: dict[str, int] = {}
    for _, _, key in _keys(store):
        name = label(key)
        if name is not None:
            counts[name] = counts.get(name, 0) + 1
    return counts


def remove_online_rows(store: FeatureStore, is_unwanted: Callable[[EntityKey], bool]) -> int:
    """Remove every row whose key is unwanted and return how many there were.

    An interrupted removal is simply run again.
    """
    unwanted = ((table, raw) for table, raw, key in _keys(store) if is_unwanted(key))
    removed = 0
    while piece := list(islice(unwanted, KEYS_AT_ONCE)):
        _remove(store, piece)
        removed += len(piece)
    return removed


def _keys(store: FeatureStore) -> Iterator[tuple[str, bytes, EntityKey]]:
    """Yield the table (empty on Redis), the stored key and what it says, of every row."""
    online = store.provider.online_store
    if isinstance(online, SqliteOnlineStore):
        yield from _keys_of_sqlite(store)
    elif isinstance(online, RedisOnlineStore):
        project = store.project.encode()
        for raw in _redis(store).scan_iter(match=b"*" + project, count=KEYS_AT_ONCE):
            yield "", raw, _decode(raw[: -len(project)])
    else:
        rule = "rows can be listed on sqlite and Redis"
        name = type(online).__name__
        raise UserError("online store", rule, "remove old rows with the store's own tools", name)


def _keys_of_sqlite(store: FeatureStore) -> Iterator[tuple[str, bytes, EntityKey]]:
    if not _database(store).is_file():
        return
    with closing(_connect(store)) as connection:
        tables = _tables_of_rows(connection, store.project)
    for table in tables:
        with closing(_connect(store)) as connection:
            found = connection.execute(f'SELECT DISTINCT entity_key FROM "{table}"').fetchall()
        for (raw,) in found:
            yield table, raw, _decode(raw)


def _tables_of_rows(connection: sqlite3.Connection, project: str) -> list[str]:
    """Return the project's tables, those too of views that the registry does not know (any more):
    rows in them are a person's, too.
    """
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    columns = "SELECT 1 FROM pragma_table_info(?) WHERE name = 'entity_key'"
    return [
        name
        for (name,) in tables
        if name.startswith(f"{project}_") and connection.execute(columns, (name,)).fetchone()
    ]


def _remove(store: FeatureStore, rows: list[tuple[str, bytes]]) -> None:
    if isinstance(store.provider.online_store, SqliteOnlineStore):
        with closing(_connect(store)) as connection, connection:
            for table, raw in rows:
                connection.execute(f'DELETE FROM "{table}" WHERE entity_key = ?', (raw,))
    else:
        _redis(store).unlink(*(raw for _, raw in rows))


def _decode(raw: bytes) -> EntityKey:
    key = deserialize_entity_key(raw)
    return {
        name: value.string_val for name, value in zip(key.join_keys, key.entity_values, strict=True)
    }


def _database(store: FeatureStore) -> Path:
    return Path(store.repo_path) / str(store.config.online_store.path)


def _connect(store: FeatureStore) -> sqlite3.Connection:
    return sqlite3.connect(_database(store), timeout=LOCK_SECONDS)


def _redis(store: FeatureStore) -> Redis:
    online = store.provider.online_store
    client: Redis = online._get_client(store.config.online_store)  # the client of Feast's settings
    return client
