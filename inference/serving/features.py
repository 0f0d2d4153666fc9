"""Reads features of a release from the Feast online store: a user's history, the table's rows."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
from feast import FeatureService, FeatureStore
from feast.errors import FeatureServiceNotFoundException

from expectations.contracts.errors import UserError
from expectations.contracts.tables import NOVEL_CLUSTER_TABLE, RELEASE, USER
from expectations.contracts.values import ClusterPair
from inference.planning.plan_table import TableRow

USER_SERVICE = "user_features"
PLAN_SERVICE = "planned_clusters"
PAIR_KEY = NOVEL_CLUSTER_TABLE.column("pair_key").name
KEYS_AT_ONCE = 500
"""Keys of one read; sqlite takes no more than a few thousand variables in a statement."""

REOPEN_SECONDS = 1.0
"""How long a store that failed is left alone before it is opened anew."""


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
class UserFeatures:
    """What the batch knows of a user; all newest first except ``consumed_clusters``."""

    history_clusters: tuple[int, ...]
    consumed_clusters: tuple[int, ...]
    recent_items: tuple[str, ...]
    consumed_items: tuple[str, ...]


@dataclass(frozen=True)
class _Connection:
    """An open store and its feature services: looking one up by name reads the registry again."""

    store: FeatureStore
    users: FeatureService
    plans: FeatureService


class FeatureReader:
    """Reads by release, so that two releases can live side by side in one store.

    A store that failed is opened anew for a later read, so that a reader recovers when the
    store returns. Table rows of a release never change and are kept in memory, ``cached_rows``
    of them.

    Raises:
        UserError: the features were never registered with the store.
    """

    def __init__(self, open_store: Callable[[], FeatureStore], cached_rows: int = 0) -> None:
        self._open_store = open_store
        self._connection = self._connect()
        self._reopen_at: float | None = None
        self._cached_rows = cached_rows
        self._rows: dict[tuple[str, ClusterPair], TableRow] = {}
        # Feast's sqlite store shares one connection between threads.
        self._one_at_a_time = threading.Lock()

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
        for keys in _pieces(user_ids):
            columns = self._read("users", USER.name, release_id, keys)
            for place, user_id in enumerate(keys):
                features = _user_at(columns, place)
                if features is not None:
                    found[user_id] = features
        return found

    def read_rows(
        self, release_id: str, pairs: Iterable[ClusterPair]
    ) -> dict[ClusterPair, TableRow]:
        """Return the table rows of those pairs that have one.

        Raises:
            StoreUnreachableError: the store did not answer.
        """
        wanted = list(pairs)
        known = {p: r for p in wanted if (r := self._rows.get((release_id, p))) is not None}
        missing = [pair for pair in wanted if pair not in known]
        fetched = self.fetch_rows(release_id, missing) if missing else {}
        for pair, row in fetched.items():
            if len(self._rows) < self._cached_rows:
                self._rows[release_id, pair] = row
        return {**known, **fetched}

    def fetch_rows(
        self, release_id: str, pairs: Sequence[ClusterPair]
    ) -> dict[ClusterPair, TableRow]:
        """Return table rows from the store itself, past the memory of earlier reads.

        Raises:
            StoreUnreachableError: the store did not answer.
        """
        found: dict[ClusterPair, TableRow] = {}
        by_key = {pair.key: pair for pair in pairs}
        for keys in _pieces(list(by_key)):
            columns = self._read("plans", PAIR_KEY, release_id, keys)
            lists = zip(columns["novel_clusters"], columns["scores"], strict=True)
            for key, (clusters, scores) in zip(keys, lists, strict=True):
                if clusters is not None and scores is not None:
                    found[by_key[key]] = TableRow(
                        np.asarray(clusters, dtype=np.int64), np.asarray(scores, dtype=np.float32)
                    )
        return found

    def forget_rows_except(self, release_id: str) -> None:
        """Drop remembered rows of every other release."""
        self._rows = {key: row for key, row in self._rows.items() if key[0] == release_id}

    def _read(
        self, what: Literal["users", "plans"], key_name: str, release_id: str, keys: Sequence[str]
    ) -> Mapping[str, list[Any]]:
        entity_rows = [{RELEASE.name: release_id, key_name: key} for key in keys]
        try:
            with self._one_at_a_time:
                open_now = self._current_connection()
                service = open_now.users if what == "users" else open_now.plans
                answer = open_now.store.get_online_features(service, entity_rows)
        except STORE_FAILURES as error:
            if self._reopen_at is None:
                self._reopen_at = time.monotonic() + REOPEN_SECONDS
            raise StoreUnreachableError(f"{type(error).__name__}: {error}") from error
        columns: Mapping[str, list[Any]] = answer.to_dict()
        return columns

    def _current_connection(self) -> _Connection:
        if self._reopen_at is not None and time.monotonic() >= self._reopen_at:
            self._reopen_at = None
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> _Connection:
        store = self._open_store()
        try:
            users = store.get_feature_service(USER_SERVICE)
            plans = store.get_feature_service(PLAN_SERVICE)
        except FeatureServiceNotFoundException as error:
            remedy = "run `python -m pipelines.publish`"
            raise UserError(
                "feature registry", "the features are registered", remedy, str(error)
            ) from None
        return _Connection(store, users, plans)


def _user_at(columns: Mapping[str, list[Any]], place: int) -> UserFeatures | None:
    history = columns["history_clusters"][place]
    consumed = columns["consumed_clusters"][place]
    if history is None or consumed is None:
        return None
    return UserFeatures(
        history_clusters=tuple(int(cluster) for cluster in history),
        consumed_clusters=tuple(int(cluster) for cluster in consumed),
        recent_items=tuple(columns["recent_items"][place] or ()),
        consumed_items=tuple(columns["consumed_items"][place] or ()),
    )


def _pieces(keys: Sequence[str]) -> Iterable[Sequence[str]]:
    for start in range(0, len(keys), KEYS_AT_ONCE):
        yield keys[start : start + KEYS_AT_ONCE]
