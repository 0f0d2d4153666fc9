"""Open connections to the Feast online store: one for each read under way, renewed after failures.

Reads go through ``FeatureStore.provider`` and its ``online_read``, the interface that Feast
documents for its stores. ``get_online_features`` makes a response for its feature server of the
same rows, which costs several times the read itself (docs/research/features.md has the figures).
A store that gives encoded rows is asked once for all that a request wants of it.
"""

from __future__ import annotations

import math
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from itertools import islice

from feast import FeatureStore, FeatureView
from feast.errors import FeatureServiceNotFoundException
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value

from expectations.contracts.errors import UserError
from inference.store.online_stores.encoded_rows import EncodedRead, GivesEncodedRows
from inference.store.online_stores.wire_format import encode_entities
from inference.store.outage import Outage

REOPEN_SECONDS = 1.0
"""How long a connection that failed is used as it is before it is opened anew."""


class StoreUnreachableError(Exception):
    """The online store did not answer; the request can still be answered without it."""


def _store_failures() -> tuple[type[Exception], ...]:
    """Return what the stores' clients raise when their server or file is away."""
    failures: tuple[type[Exception], ...] = (OSError, sqlite3.Error)
    if find_spec("redis"):
        failures = (*failures, import_module("redis.exceptions").RedisError)
    return failures


STORE_FAILURES = _store_failures()


@dataclass(frozen=True)
class ViewColumns:
    """A feature view, and those of its features that a service asks for."""

    view: FeatureView
    features: tuple[str, ...]


@dataclass(frozen=True)
class Wanted:
    """What is to be read of one feature service.

    Attributes:
        service: its name.
        join_keys: names of the parts of an entity.
        entities: the parts of each, in the order of ``join_keys``.
    """

    service: str
    join_keys: tuple[str, ...]
    entities: Sequence[Sequence[str]]


class StoreConnections:
    """Reads rows by feature service, from as many threads as like.

    Feast's sqlite store holds one connection that threads may not share, so every read under way
    has an open store to itself; it is kept for later reads. Views are looked up once, since a
    look-up reads the registry: reading goes on while the registry is away.

    Args:
        open_store: opens the store anew.
        services: names of the feature services that will be asked for.

    Raises:
        UserError: a service was never registered with the store.
    """

    def __init__(self, open_store: Callable[[], FeatureStore], services: Sequence[str]) -> None:
        self._open_store = open_store
        store = open_store()
        self._columns = {name: _columns_of(store, name) for name in services}
        self._idle = deque([_Connection(store)])
        self._outage = Outage()

    def read(
        self, service: str, join_keys: tuple[str, ...], entities: Sequence[Sequence[str]]
    ) -> list[dict[str, Value]]:
        """Return the features of ``entities``, in their order; see :meth:`read_together`."""
        return self.read_together([Wanted(service, join_keys, entities)])[0]

    def read_together(self, asked: Sequence[Wanted]) -> list[list[dict[str, Value]]]:
        """Return the features of the entities that are wanted of each service, in their order.

        Of an absent row a store gives no features, or gives them without content; look at
        :func:`content_of`.

        Raises:
            StoreUnreachableError: the store did not answer.
        """
        started = time.monotonic()
        if self._outage.is_at_rest(started):
            raise StoreUnreachableError("it did not answer in time a moment ago")
        reads = [(columns, one) for one in asked for columns in self._columns[one.service]]
        connection = self._take()
        try:
            found = iter(connection.read(reads))
        except STORE_FAILURES as error:
            connection.note_failure()
            reason = f"{type(error).__name__}: {error}"
            self._outage.note_failure(started, reason)
            raise StoreUnreachableError(reason) from error
        finally:
            self._idle.append(connection)
        self._outage.note_answer()
        return [
            _join(list(islice(found, len(self._columns[one.service]))), len(one.entities))
            for one in asked
        ]

    def _take(self) -> _Connection:
        try:
            connection = self._idle.pop()
        except IndexError:  # every open one is in use
            return _Connection(self._open_store())
        return _Connection(self._open_store()) if connection.is_stale else connection


class _Connection:
    def __init__(self, store: FeatureStore) -> None:
        self._provider = store.provider
        self._config = store.config
        self._reopen_at = math.inf

    @property
    def is_stale(self) -> bool:
        return time.monotonic() >= self._reopen_at

    def note_failure(self) -> None:
        self._reopen_at = min(self._reopen_at, time.monotonic() + REOPEN_SECONDS)

    def read(self, reads: Sequence[tuple[ViewColumns, Wanted]]) -> list[list[dict[str, Value]]]:
        """Return the rows of each read, in the order of its entities."""
        store = self._provider.online_store
        if not isinstance(store, GivesEncodedRows):
            return [self._read_by_feast(columns, wanted) for columns, wanted in reads]
        keys = {id(w): encode_entities(w.join_keys, w.entities) for _, w in reads}
        encoded = [EncodedRead(c.view, c.features, keys[id(wanted)]) for c, wanted in reads]
        return [
            [{name: Value.FromString(value) for name, value in row.items()} for row in rows]
            for rows in store.read_encoded(self._config, encoded)
        ]

    def _read_by_feast(self, columns: ViewColumns, wanted: Wanted) -> list[dict[str, Value]]:
        keys = [_entity_key(wanted.join_keys, entity) for entity in wanted.entities]
        # The list of features is given anew: the Redis store appends to it.
        found = self._provider.online_read(self._config, columns.view, keys, list(columns.features))
        return [row or {} for _, row in found]


def _join(views: Sequence[list[dict[str, Value]]], n_rows: int) -> list[dict[str, Value]]:
    """Return rows that hold the features of several views."""
    if len(views) == 1:
        return views[0]
    rows: list[dict[str, Value]] = [{} for _ in range(n_rows)]
    for view in views:
        for row, of_view in zip(rows, view, strict=True):
            row.update(of_view)
    return rows


def content_of(row: Mapping[str, Value], feature: str) -> Value | None:
    """Return a feature of a row that :class:`StoreConnections` read; ``None`` if it is absent."""
    value = row.get(feature)
    return value if value is not None and value.WhichOneof("val") is not None else None


def _entity_key(join_keys: Sequence[str], parts: Sequence[str]) -> EntityKey:
    key = EntityKey(join_keys=join_keys)
    for part in parts:
        key.entity_values.add().string_val = part
    return key


def _columns_of(store: FeatureStore, service: str) -> tuple[ViewColumns, ...]:
    try:
        projections = store.get_feature_service(service).feature_view_projections
    except FeatureServiceNotFoundException as error:
        remedy = "run `explorer publish`"
        rule = "the features are registered"
        raise UserError("feature registry", rule, remedy, str(error)) from None
    return tuple(
        ViewColumns(
            store.get_feature_view(projection.name),
            tuple(feature.name for feature in projection.features),
        )
        for projection in projections
    )
