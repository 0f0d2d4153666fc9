"""What was shown often rests: in one process, and for all that share a file."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from expectations.contracts.values import ClusterContext
from inference.plans.combine import PlannedCluster
from inference.serving.exploration.shown_clusters import ShownClusters, open_shown
from inference.serving.exploration.shown_store import (
    US_PER_DAY,
    ShownInFile,
    ShownInMemory,
    ShownStore,
)

LED_BY = ClusterContext.of(0)
REST_DAYS = 2.0
MakeStore = Callable[[int], ShownStore]


@pytest.fixture(params=["memory", "file"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> MakeStore:
    """Makes a store that remembers so many people, and looks for others at every note."""
    if request.param == "memory":
        return ShownInMemory
    return lambda limit: ShownInFile(tmp_path / "shown.db", limit, REST_DAYS, pruned_every=1)


def order(shown: ShownClusters, user: str, now_us: int) -> list[int]:
    plan = [PlannedCluster(cluster, -1.0, LED_BY) for cluster in (4, 5, 6)]
    return [planned.cluster_id for planned in shown.rest(user, plan, now_us)]


def test_what_is_shown_often_rests_behind_the_others_and_comes_back(make_store: MakeStore) -> None:
    shown, day = ShownClusters(3, REST_DAYS, make_store(10)), US_PER_DAY
    for time in range(3):
        assert order(shown, "ann", time) == [4, 5, 6]
        shown.note("ann", [4], time)
    assert order(shown, "ann", day) == [5, 6, 4]
    assert order(shown, "ben", day) == [4, 5, 6]
    assert order(shown, "ann", 2 * day + 9) == [4, 5, 6]
    shown.note("ann", [4], 2 * day + 9)
    assert order(shown, "ann", 2 * day + 10) == [4, 5, 6]


def test_a_cluster_is_known_by_its_name_whatever_id_another_release_gives_it(
    make_store: MakeStore,
) -> None:
    shown = ShownClusters(1, REST_DAYS, make_store(10))
    shown.note("ann", [4], 0, {4: "kayaks"}.__getitem__)
    plan = [PlannedCluster(cluster, -1.0, LED_BY) for cluster in (4, 5)]
    names = {4: "bonsai", 5: "kayaks", 6: "tea"}.__getitem__
    assert [c.cluster_id for c in shown.rest("ann", plan[::-1], 1, names)] == [4, 5]


def test_no_more_people_are_remembered_than_was_said(make_store: MakeStore) -> None:
    shown = ShownClusters(1, REST_DAYS, make_store(2))
    for time, user in enumerate(("ann", "ben", "cat")):
        shown.note(user, [4], time)
    assert [order(shown, user, 3) for user in ("ann", "ben", "cat")] == [
        [4, 5, 6],
        [5, 6, 4],
        [5, 6, 4],
    ]


def test_processes_that_share_a_file_count_together(tmp_path: Path) -> None:
    """Two that each had their own would show a cluster twice as often before it rests."""
    file = str(tmp_path / "var" / "shown.db")
    first, second = (open_shown(4, REST_DAYS, 100, file) for _ in range(2))
    for time in range(4):
        assert order(second, "ann", time) == order(first, "ann", time) == [4, 5, 6]
        (first, second)[time % 2].note("ann", [4], time)
    assert order(second, "ann", 9) == order(first, "ann", 9) == [5, 6, 4]
    assert order(open_shown(4, REST_DAYS, 100, file), "ann", 9) == [5, 6, 4]  # the next service


def test_notes_at_one_time_are_all_counted(tmp_path: Path) -> None:
    n_each, stores = 100, [ShownInFile(tmp_path / "shown.db", 10, REST_DAYS) for _ in range(4)]
    together = threading.Barrier(len(stores))

    def note(store: ShownInFile) -> None:
        together.wait()
        shown = ShownClusters(1, REST_DAYS, store)
        for time in range(n_each):
            shown.note("ann", [4, 5], time)

    with ThreadPoolExecutor(len(stores)) as pool:
        list(pool.map(note, stores))
    counts = stores[0].read("ann")
    assert {name: count for name, (count, _) in counts.items()} == dict.fromkeys("45", 4 * n_each)


def test_what_has_rested_is_not_kept(tmp_path: Path) -> None:
    store = ShownInFile(tmp_path / "shown.db", 10, REST_DAYS, pruned_every=1)
    shown = ShownClusters(1, REST_DAYS, store)
    shown.note("ann", [4], 0)
    shown.note("ben", [4], 3 * US_PER_DAY)
    assert (store.read("ann"), list(store.read("ben"))) == ({}, ["4"])


def test_with_nobody_to_remember_nothing_rests(tmp_path: Path) -> None:
    shown = open_shown(1, REST_DAYS, 0, str(tmp_path / "shown.db"))
    shown.note("ann", [4], 0)
    assert order(shown, "ann", 1) == [4, 5, 6]
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_made_anew_and_one_in_use_costs_no_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "shown.db"
    file.write_bytes(b"half a page" * 1000)
    store = ShownInFile(file, 10, REST_DAYS)
    shown = ShownClusters(1, REST_DAYS, store)
    assert "is made anew" in caplog.text
    shown.note("ann", [4], 0)
    assert order(shown, "ann", 1) == [5, 6, 4]
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    shown.note("ann", [5], 1)
    assert "is not noted: database is locked" in caplog.text
    other.execute("ROLLBACK")
    assert order(shown, "ann", 1) == [5, 6, 4]
    store.forget("ann")
    assert order(shown, "ann", 1) == [4, 5, 6]
