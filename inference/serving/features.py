"""Reads features of a release from the Feast online store: a user's history, the table's rows."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from feast import FeatureService, FeatureStore

from expectations.contracts.tables import NOVEL_CLUSTER_TABLE, RELEASE, USER
from expectations.contracts.values import ClusterPair
from inference.planning.plan_table import TableRow

USER_SERVICE = "user_features"
PLAN_SERVICE = "planned_clusters"
PAIR_KEY = NOVEL_CLUSTER_TABLE.column("pair_key").name
KEYS_AT_ONCE = 500
"""Keys of one read; sqlite takes no more than a few thousand variables in a statement."""


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


class FeatureReader:
    """Reads by release, so that two releases can live side by side in one store.

    The feature services are fetched once: looking one up by name reads the registry again.
    Table rows of a release never change and are kept in memory, ``cached_rows`` of them.
    """

    def __init__(self, store: FeatureStore, cached_rows: int = 0) -> None:
        self._store = store
        self._users: FeatureService = store.get_feature_service(USER_SERVICE)
        self._plans: FeatureService = store.get_feature_service(PLAN_SERVICE)
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
            columns = self._read(self._users, USER.name, release_id, keys)
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
            columns = self._read(self._plans, PAIR_KEY, release_id, keys)
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
        self, service: FeatureService, key_name: str, release_id: str, keys: Sequence[str]
    ) -> Mapping[str, list[Any]]:
        entity_rows = [{RELEASE.name: release_id, key_name: key} for key in keys]
        try:
            with self._one_at_a_time:
                answer = self._store.get_online_features(service, entity_rows)
        except STORE_FAILURES as error:
            raise StoreUnreachableError(f"{type(error).__name__}: {error}") from error
        columns: Mapping[str, list[Any]] = answer.to_dict()
        return columns


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
