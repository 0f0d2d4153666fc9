"""Reads are what plain Feast returns, from any number of threads, with or without the registry."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from feast import FeatureStore

from expectations.contracts.values import ClusterContext, all_contexts
from inference.features.online_features import (
    KEYS_AT_ONCE,
    PLAN_SERVICE,
    USER_SERVICE,
    FeatureReader,
)
from inference.release.release_source import ReleaseSource
from pipelines.online.feature_store import open_store
from pipelines.release.tracking import tracking_uri
from tests.worlds.online.published import PublishedReleases
from tests.worlds.online.serving import N_CLUSTERS, PEOPLE

PAIRS = [*all_contexts(N_CLUSTERS), ClusterContext.of(0, N_CLUSTERS)]
N_THREADS = 8

pytestmark = pytest.mark.usefixtures("tree")


@pytest.fixture
def release_id(tree: PublishedReleases) -> str:
    with ReleaseSource(tracking_uri()).fetch(tree.first) as fetched:
        return fetched.manifest.release_id


def counting(opened: list[FeatureStore]) -> Callable[[], FeatureStore]:
    """Opens the store and notes it."""

    def opening() -> FeatureStore:
        opened.append(open_store())
        return opened[-1]

    return opening


def test_users_are_what_plain_feast_returns(release_id: str) -> None:
    users = [*PEOPLE, "nobody"]
    store = open_store()
    rows = [{"release_id": release_id, "user_id": user} for user in users]
    plain = store.get_online_features(store.get_feature_service(USER_SERVICE), rows).to_dict()
    found = FeatureReader(open_store).read_users(release_id, users)
    assert set(found) == set(PEOPLE)
    for place, user in enumerate(users[:-1]):
        for name in ("history_clusters", "consumed_clusters", "recent_items", "consumed_items"):
            assert list(getattr(found[user], name)) == plain[name][place]
    assert plain["history_clusters"][-1] is None


def test_rows_are_what_plain_feast_returns(release_id: str) -> None:
    store = open_store()
    rows = [{"release_id": release_id, "context_key": context.key} for context in PAIRS]
    plain = store.get_online_features(store.get_feature_service(PLAN_SERVICE), rows).to_dict()
    found = FeatureReader(open_store).fetch_rows(release_id, PAIRS)
    assert list(found) == PAIRS[:-1]
    assert plain["novel_clusters"][-1] is None
    for place, row in enumerate(found.values()):
        assert row.novel_clusters.tolist() == plain["novel_clusters"][place]
        np.testing.assert_array_equal(row.scores, np.float32(plain["scores"][place]))


def test_more_keys_than_one_read_takes(release_id: str) -> None:
    users = [f"stranger {number}" for number in range(2 * KEYS_AT_ONCE)] + ["ann"]
    assert set(FeatureReader(open_store).read_users(release_id, users)) == {"ann"}


def test_remembered_rows_are_the_rows_of_the_store(release_id: str) -> None:
    reader = FeatureReader(open_store, cached_rows=5)
    fresh = reader.fetch_rows(release_id, PAIRS)
    for _ in range(3):
        for start in range(len(PAIRS)):
            read = reader.read_rows(release_id, PAIRS[start : start + 4])
            assert all(np.array_equal(read[p].scores, fresh[p].scores) for p in read)
            assert set(read) == set(PAIRS[start : start + 4]) & set(fresh)


def test_reads_side_by_side_use_stores_of_their_own(release_id: str) -> None:
    opened: list[FeatureStore] = []
    reader = FeatureReader(counting(opened))
    together = threading.Barrier(N_THREADS)

    def read(_: int) -> int:
        together.wait()
        users = [reader.read_user(release_id, user) for _ in range(20) for user in PEOPLE]
        rows = [reader.fetch_rows(release_id, PAIRS[:10]) for _ in range(20)]
        return sum(user is not None for user in users) + sum(map(len, rows))

    with ThreadPoolExecutor(N_THREADS) as pool:
        found = list(pool.map(read, range(N_THREADS)))
    assert found == [20 * len(PEOPLE) + 200] * N_THREADS
    assert 1 <= len(opened) <= N_THREADS
    reader.read_user(release_id, "ann")
    assert len(opened) <= N_THREADS


def test_the_registry_may_go_away_once_the_reader_runs(release_id: str) -> None:
    reader = FeatureReader(open_store)
    registry, aside = Path("var/feast_registry.db"), Path("var/registry.aside")
    shutil.move(registry, aside)
    try:
        with ThreadPoolExecutor(4) as pool:
            users = list(pool.map(lambda user: reader.read_user(release_id, user), PEOPLE))
    finally:
        registry.unlink(missing_ok=True)
        shutil.move(aside, registry)
    assert all(users)
