"""The log holds every event once, in an order that only grows, whatever happens to its writers."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from expectations.contracts.errors import UserError
from expectations.contracts.forgotten import ForgottenUsers, hash_of_user
from inference.events import log_database
from inference.events.event import EPOCH, MICROSECOND, ItemEvent, ReceiptStatus
from inference.events.log import EventLog

ACCEPTED, DUPLICATE, CONFLICT, FORGOTTEN = ReceiptStatus


def event(number: int, user: str = "ann", time_us: int | None = None) -> ItemEvent:
    return ItemEvent(f"e{number}", user, f"i{number}", time_us or 1_000 + number, 0.5)


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return EventLog(tmp_path / "events.db")


def test_an_event_counts_once_and_the_first_of_an_id_stands(log: EventLog) -> None:
    assert log.append([event(1), event(2), event(1)]) == [ACCEPTED, ACCEPTED, DUPLICATE]
    other = ItemEvent("e1", "ann", "another item", 1_001, 0.5)
    assert log.append([other, event(2), event(3)]) == [CONFLICT, DUPLICATE, ACCEPTED]
    assert [r.event for r in log.read(0, 10)] == [event(1), event(2), event(3)]


def test_places_ascend_even_if_the_clock_goes_back(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([5_000_000_000, 9_000_000_000, 1_000, 1_000, 2_000])
    monkeypatch.setattr(log_database.time, "time_ns", lambda: next(clock))
    log.append([event(1), event(2)])
    log.append([event(3)])
    log.append([event(4)])
    log.append([event(5)])
    places = [r.recorded_at_us for r in log.read(0, 10)]
    assert places == [5_000_000, 5_000_001, 9_000_000, 9_000_001, 9_000_002]


def test_a_forgotten_place_is_not_given_again(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_database.time, "time_ns", lambda: 5_000_000)
    log.append([event(1)])
    log.forget("ann", 0)
    log.append([event(2)])
    assert [r.recorded_at_us for r in log.read(0, 10)] == [5_001]


def test_the_newest_events_do_not_depend_on_the_order_of_arrival(log: EventLog) -> None:
    tied = [event(1, time_us=50), event(2, time_us=70), event(3, time_us=50), event(4, time_us=60)]
    log.append(tied)
    (state,) = log.read_unwritten(["ann"], 3)
    assert [r.event.event_id for r in state.newest] == ["e2", "e4", "e3"]
    assert state.recorded_at_us == log.read(0, 10)[-1].recorded_at_us


def test_users_stay_unwritten_until_their_last_event_is_written(log: EventLog) -> None:
    log.append([event(1), event(2, "ben")])
    (ann, _) = log.read_unwritten(["ann", "ben"], 5)
    log.append([event(3)])
    log.mark_written({"ann": ann.recorded_at_us})
    assert log.unwritten_among(["ann", "ben", "zoe"]) == ["ann", "ben"]
    (ann, ben) = log.read_unwritten(["ann", "ben"], 5)
    log.mark_written({"ann": ann.recorded_at_us, "ben": ben.recorded_at_us})
    assert log.unwritten_users("", 5) == []
    assert log.read_unwritten(["ann"], 5) == []
    assert log.mark_unwritten_since(ben.recorded_at_us) == 1
    assert log.unwritten_users("", 5) == ["ann"]


def test_many_users_are_looked_up_in_pieces(log: EventLog) -> None:
    log.append([event(n, f"u{n:04}") for n in range(1_200)])
    users = [f"u{n:04}" for n in range(1_200)]
    assert log.unwritten_among(reversed(users)) == users
    assert log.unwritten_users("u0009", 3) == ["u0010", "u0011", "u0012"]


def test_threads_share_a_log(log: EventLog) -> None:
    with ThreadPoolExecutor(8) as pool:
        sent = [[event(n), event(n % 50)] for n in range(200)]
        answers = [status for found in pool.map(log.append, sent) for status in found]
    assert answers.count(ACCEPTED) == 200
    assert len({r.recorded_at_us for r in log.read(0, 1_000)}) == 200


def test_what_a_forgotten_person_did_before_is_not_taken_again(log: EventLog) -> None:
    log.append([event(1, time_us=50), event(2, "ben", time_us=50)])
    assert log.forget("ann", 60) == 1
    late = [event(1, time_us=50), event(3, time_us=60), event(4, time_us=61), event(5, "ben")]
    assert log.append(late) == [FORGOTTEN, FORGOTTEN, ACCEPTED, ACCEPTED]
    assert [r.event.event_id for r in log.read(0, 10)] == ["e2", "e4", "e5"]
    assert log.unwritten_users("", 5) == ["ann", "ben"]
    log.forget("ann", 10)  # an earlier time takes nothing back
    assert log.append([event(3, time_us=60)]) == [FORGOTTEN]


def test_a_log_from_a_backup_loses_the_past_of_who_was_forgotten_since(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    EventLog(path).append([event(1, time_us=50), event(2, time_us=90), event(3, "ben")])
    asked = ForgottenUsers({hash_of_user("ann"): EPOCH + 70 * MICROSECOND})
    log = EventLog(path, asked)
    assert [r.event.event_id for r in log.read(0, 10)] == ["e2", "e3"]
    assert EventLog(path, asked).append([event(1, time_us=50)]) == [FORGOTTEN]


def test_a_log_of_before_versions_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    EventLog(path).append([event(1)])
    with sqlite3.connect(path) as connection:
        connection.executescript("DROP TABLE forgotten; PRAGMA user_version = 0;")
    log = EventLog(path)
    assert [r.event for r in log.read(0, 10)] == [event(1)]
    assert log.forget("ann", 2_000) == 1


def test_a_log_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    EventLog(path).append([event(1)])
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(UserError, match="version 99"):
        EventLog(path)


def test_forgetting_leaves_no_byte_of_a_person(log: EventLog, tmp_path: Path) -> None:
    log.append([event(n, "somebody@example.org") for n in range(300)])
    log.append([event(1_000, "ben")])
    assert log.forget("somebody@example.org", 2_000) == 300
    assert log.forget("somebody@example.org", 2_000) == 0
    assert [r.event.user_id for r in log.read(0, 10)] == ["ben"]
    left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"somebody@example.org" not in left
    assert b"i299" not in left


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "events.db").write_text("not a log at all, but long enough to look like a file\n")
    with pytest.raises(UserError, match=r"events\.db: is an event log"):
        EventLog(tmp_path / "events.db")


def _write_until_killed(path: Path, answers: Connection) -> None:
    log = EventLog(path)
    number = 0
    while True:
        log.append([event(number)])
        answers.send(number)
        number += 1


def _kill_a_writer(path: Path) -> int:
    """Kill a process that writes to the log; return the last event it knew to be recorded."""
    told, tell = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(
        target=_write_until_killed, args=(path, tell)
    )
    process.start()
    last = -1
    while last < 200:
        last = told.recv()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    while told.poll():
        last = told.recv()
    return last


def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    last = _kill_a_writer(path)
    found = [r.event for r in EventLog(path).read(0, 1_000_000)]
    assert found == [event(n) for n in range(len(found))]
    assert len(found) in (last + 1, last + 2)  # one more may have been recorded, unanswered


@pytest.mark.parametrize("damage", ["torn", "garbled"])
def test_a_torn_last_record_is_cut_off_and_the_log_goes_on(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "events.db"
    with sqlite3.connect(path) as keeper:  # holds the file open, so that nothing is tidied up
        keeper.execute("PRAGMA journal_mode = WAL")
        _kill_a_writer(path)
        crashed = tmp_path / "crashed"
        crashed.mkdir()
        for name in ("events.db", "events.db-wal"):
            shutil.copyfile(tmp_path / name, crashed / name)
    tail = crashed / "events.db-wal"
    whole = tail.read_bytes()
    tail.write_bytes(whole[:-100] if damage == "torn" else whole[:-100] + b"\xff" * 100)
    log = EventLog(crashed / "events.db")
    found = [r.event for r in log.read(0, 1_000_000)]
    assert len(found) >= 100
    assert found == [event(n) for n in range(len(found))]
    assert log.append([event(10**6)]) == [ACCEPTED]
    assert [r.event for r in EventLog(crashed / "events.db").read(0, 10**6)][-1] == event(10**6)


def test_a_writer_waits_for_another(log: EventLog, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "events.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(log.append, [event(1)])
        time.sleep(0.1)
        assert not waiting.done()
        other.execute("COMMIT")
        assert waiting.result(timeout=10) == [ACCEPTED]
