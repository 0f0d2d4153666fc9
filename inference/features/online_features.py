"""Reads features of a release from the Feast online store: a user's history, the table's rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from feast import FeatureStore
from feast.protos.feast.types.Value_pb2 import Value
from numpy.typing import NDArray

from expectations.contracts.tables import NOVEL_CLUSTER_TABLE, RELEASE, USER
from expectations.contracts.values import ClusterContext
from inference.events.choice import Choice
from inference.events.event import RecordedEvent
from inference.events.live_row import CHOICE_LISTS, EVENT_LISTS, read_choices, read_row
from inference.store.row_cache import RowCache
from inference.store.store_connections import StoreConnections, Wanted, content_of
from inference.table.plan_table import TableRow

USER_SERVICE = "user_features"
LIVE_SERVICE = "live_events"
PLAN_SERVICE = "planned_clusters"
USER_KEYS = (RELEASE.name, USER.name)
LIVE_KEYS = (USER.name,)
PLAN_KEYS = (RELEASE.name, NOVEL_CLUSTER_TABLE.column("context_key").name)
Key = TypeVar("Key")
KEYS_AT_ONCE = 500
"""Keys of one read; sqlite takes no more than a few thousand variables in a statement."""


@dataclass(frozen=True)
class UserFeatures:
    """What the batch knows of a user; all newest first except ``consumed_clusters``."""

    history_clusters: tuple[int, ...]
    consumed_clusters: tuple[int, ...]
    recent_items: tuple[str, ...]
    consumed_items: tuple[str, ...]


@dataclass(frozen=True)
class PersonRows:
    """What the store holds of a user: the batch's rows, events, newest first, and choices."""

    batch: UserFeatures | None
    events: tuple[RecordedEvent, ...]
    choices: tuple[Choice, ...] = ()


class FeatureReader:
    """Reads by release, so that two releases can live side by side in one store.

    Table rows are kept in memory, ``cached_rows`` of them. A user's rows are not: a person may be
    forgotten, and is read once where the table's rows are read by everyone.

    Raises:
        UserError: the features were never registered with the store.
    """

    def __init__(self, open_store: Callable[[], FeatureStore], cached_rows: int = 0) -> None:
        self._connections = StoreConnections(open_store, (USER_SERVICE, LIVE_SERVICE, PLAN_SERVICE))
        self._rows = RowCache(cached_rows)

    def read_people(self, release_id: str, user_ids: Sequence[str]) -> dict[str, PersonRows]:
        """Return all that is known of these users, of the batch and live; each has an entry.

        Raises:
            StoreUnreachableError: the store did not answer.
        """
        found: dict[str, PersonRows] = {}
        for ids in _pieces(user_ids):
            batch, live = self._connections.read_together(
                [
                    Wanted(USER_SERVICE, USER_KEYS, [(release_id, user_id) for user_id in ids]),
                    Wanted(LIVE_SERVICE, LIVE_KEYS, [(user_id,) for user_id in ids]),
                ]
            )
            for user_id, known, row in zip(ids, batch, live, strict=True):
                events = read_row({name: content_of(row, name) for name in EVENT_LISTS}, user_id)
                lists = {name: content_of(row, name) for name in CHOICE_LISTS}
                choices = read_choices(lists, user_id)
                found[user_id] = PersonRows(_user_of(known), events, choices)
        return found

    def read_user(self, release_id: str, user_id: str) -> UserFeatures | None:
        """Return one user's features, ``None`` for a user without a row.

        Raises:
            StoreUnreachableError: the store did not answer.
        """
        return self.read_users(release_id, [user_id]).get(user_id)

    def read_users(self, release_id: str, user_ids: Sequence[str]) -> dict[str, UserFeatures]:
        """Return the features of those users that have a row.

        Raises:
            StoreUnreachableError: the store did not answer.
        """
        found: dict[str, UserFeatures] = {}
        for ids in _pieces(user_ids):
            entities = [(release_id, user_id) for user_id in ids]
            rows = self._connections.read(USER_SERVICE, USER_KEYS, entities)
            for user_id, row in zip(ids, rows, strict=True):
                features = _user_of(row)
                if features is not None:
                    found[user_id] = features
        return found

    def read_live(self, user_id: str) -> tuple[RecordedEvent, ...]:
        """Return what a user did lately, newest first, whatever the release.

        Raises:
            StoreUnreachableError: the store did not answer.
        """
        (row,) = self._connections.read(LIVE_SERVICE, LIVE_KEYS, [(user_id,)])
        return read_row({name: content_of(row, name) for name in EVENT_LISTS}, user_id)

    def read_rows(
        self, release_id: str, contexts: Iterable[ClusterContext]
    ) -> dict[ClusterContext, TableRow]:
        """Return the table rows of those contexts that have one.

        Raises:
            StoreUnreachableError: the store did not answer.
        """
        wanted = list(contexts)
        known = self._rows.find(release_id, wanted)
        if len(known) == len(wanted):
            return known
        missing = [context for context in wanted if context not in known]
        fetched = self.fetch_rows(release_id, missing)
        self._rows.add(release_id, fetched)
        return {**known, **fetched}

    def fetch_rows(
        self, release_id: str, contexts: Sequence[ClusterContext]
    ) -> dict[ClusterContext, TableRow]:
        """Return table rows from the store itself, past the memory of earlier reads.

        Raises:
            StoreUnreachableError: the store did not answer.
        """
        found: dict[ClusterContext, TableRow] = {}
        for piece in _pieces(contexts):
            entities = [(release_id, context.key) for context in piece]
            rows = self._connections.read(PLAN_SERVICE, PLAN_KEYS, entities)
            for context, row in zip(piece, rows, strict=True):
                clusters, scores = content_of(row, "novel_clusters"), content_of(row, "scores")
                if clusters is not None and scores is not None:
                    found[context] = TableRow(_integers(clusters), _floats(scores))
        return found

    def forget_rows_except(self, release_id: str) -> None:
        """Drop remembered rows of every other release."""
        self._rows.keep_only(release_id)


def _user_of(row: Mapping[str, Value]) -> UserFeatures | None:
    history, consumed = content_of(row, "history_clusters"), content_of(row, "consumed_clusters")
    if history is None or consumed is None:
        return None
    recent, seen = content_of(row, "recent_items"), content_of(row, "consumed_items")
    return UserFeatures(
        history_clusters=tuple(history.int64_list_val.val),
        consumed_clusters=tuple(consumed.int64_list_val.val),
        recent_items=tuple(recent.string_list_val.val) if recent else (),
        consumed_items=tuple(seen.string_list_val.val) if seen else (),
    )


def _integers(value: Value) -> NDArray[np.int64]:
    return np.array(value.int64_list_val.val[:], dtype=np.int64)


def _floats(value: Value) -> NDArray[np.float32]:
    # A message of packed floats ends with their bytes; this is half the cost of a list of floats.
    floats = value.float_list_val
    packed = floats.SerializeToString()
    return np.frombuffer(packed, dtype="<f4", offset=len(packed) - 4 * len(floats.val))


def _pieces(keys: Sequence[Key]) -> Iterable[Sequence[Key]]:
    for start in range(0, len(keys), KEYS_AT_ONCE):
        yield keys[start : start + KEYS_AT_ONCE]
