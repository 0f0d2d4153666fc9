"""The live view follows the log on both stores: late, repeated and concurrent events included."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import redis
from feast.data_source import PushMode

from expectations.contracts.values import LIVE_EVENTS_SOURCE
from inference.events.event import ItemEvent, ReceiptStatus, RecordedEvent
from inference.events.live_row import to_rows
from inference.events.live_view import LiveView
from inference.events.log import EventLog, UserEvents
from inference.features.online_features import FeatureReader
from inference.serving.config import ServingConfig
from inference.store.store_connections import StoreUnreachableError
from pipelines.io import paths
from pipelines.online.feature_store import apply_definitions, open_store
from pipelines.online.live_events import open_live_view, open_user_locks, replay_events
from tests.worlds.online.stores import STORES, another_registry, working_tree

CONFIG = ServingConfig(live_events=5, event_log="var/events/events.db")
LOG = Path(CONFIG.event_log)


@pytest.fixture(scope="module", params=STORES)
def tree(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with working_tree(request.param, tmp_path_factory.mktemp("live") / "tree"):
        (Path() / "params.yaml").write_text("serving: {live_events: 5}\n")
        yield request.param


@pytest.fixture
def reader(tree: str) -> FeatureReader:
    return FeatureReader(open_store)


@pytest.fixture
def live(tree: str) -> LiveView:
    return open_live_view(CONFIG)


def event(name: str, user: str, time_us: int, feedback: float | None = None) -> ItemEvent:
    return ItemEvent(f"{user}-{name}", user, f"item {name}", time_us, feedback)


def names(reader: FeatureReader, user: str) -> list[str]:
    return [r.event.event_id.removeprefix(f"{user}-") for r in reader.read_live(user)]


def test_an_event_is_read_back_as_it_was_sent(live: LiveView, reader: FeatureReader) -> None:
    before = time.time_ns() // 1000
    sent = [
        ItemEvent("\N{SNOWMAN}", "o'hara/ü", "a, b", 1_714_521_600_000_001, None),
        ItemEvent("2", "o'hara/ü", "", 1_714_521_600_000_000, -0.5),
    ]
    recording = live.record(sent)
    assert recording.visible
    found = reader.read_live("o'hara/ü")
    assert [r.event for r in found] == sent
    assert before < found[0].recorded_at_us < found[1].recorded_at_us
    assert reader.read_live("nobody") == ()
    for user, feedback in (("none", None), ("zero", 0.0)):  # lists of one value throughout
        live.record([ItemEvent(user, user, "i", 1, feedback)])
        assert reader.read_live(user)[0].event.feedback == feedback


def test_events_out_of_order_and_repeated_end_in_order_of_time(
    live: LiveView, reader: FeatureReader
) -> None:
    live.record([event("b", "ooo", 20), event("d", "ooo", 40)])
    assert names(reader, "ooo") == ["d", "b"]
    recording = live.record([event("a", "ooo", 10), event("c", "ooo", 30), event("d", "ooo", 40)])
    assert recording.statuses == (
        ReceiptStatus.ACCEPTED,
        ReceiptStatus.ACCEPTED,
        ReceiptStatus.DUPLICATE,
    )
    assert names(reader, "ooo") == ["d", "c", "b", "a"]


def test_the_view_holds_the_newest_events_only(live: LiveView, reader: FeatureReader) -> None:
    live.record([event(str(n), "many", n) for n in range(1, 10)])
    live.record([event("late", "many", 1)])
    assert names(reader, "many") == ["9", "8", "7", "6", "5"]


def test_one_users_events_may_come_from_everywhere_at_once(reader: FeatureReader) -> None:
    events = [event(str(n), "busy", 1_000 + n) for n in range(60)]
    order = np.random.default_rng(0).permutation(60)
    writers = [open_live_view(CONFIG) for _ in range(4)]  # as many processes would
    with ThreadPoolExecutor(8) as pool:
        sent = [(writers[place % 4], [events[place], events[place - 1]]) for place in order]
        done = list(pool.map(lambda pair: pair[0].record(pair[1]), sent))
    assert all(recording.visible for recording in done)
    assert names(reader, "busy") == ["59", "58", "57", "56", "55"]


def test_a_crash_between_log_and_view_is_healed(live: LiveView, reader: FeatureReader) -> None:
    EventLog(LOG).append([event("a", "crash", 10), event("b", "crash two", 10)])
    assert names(reader, "crash") == []
    assert live.heal() == 2
    assert names(reader, "crash") == ["a"]
    assert names(reader, "crash two") == ["b"]
    assert live.heal() == 0


def test_sending_again_after_a_crash_makes_the_event_visible(
    live: LiveView, reader: FeatureReader
) -> None:
    EventLog(LOG).append([event("a", "again", 10)])
    assert live.record([event("a", "again", 10)]).statuses == (ReceiptStatus.DUPLICATE,)
    assert names(reader, "again") == ["a"]


def test_a_row_pushed_past_the_log_does_not_outlive_the_next_event(
    live: LiveView, reader: FeatureReader
) -> None:
    live.record([event("a", "stray", 10), event("b", "stray", 20)])
    old = UserEvents("stray", 1, (RecordedEvent(event("a", "stray", 10), 1),))
    open_store().push(LIVE_EVENTS_SOURCE, to_rows([old]), to=PushMode.ONLINE)
    live.record([event("c", "stray", 30)])
    assert names(reader, "stray") == ["c", "b", "a"]


def test_a_lost_view_is_replayed_from_the_log(
    tree: str, live: LiveView, reader: FeatureReader
) -> None:
    live.record([event("a", "lost", 10), event("b", "lost", 20)])
    place = EventLog(LOG).read(0, 10_000)[-1].recorded_at_us
    live.record([event("c", "lost too", 10)])
    lose_everything(tree)
    reader = FeatureReader(open_store)
    assert names(reader, "lost too") == []
    assert replay_events(place, CONFIG) == 1
    assert (names(reader, "lost"), names(reader, "lost too")) == ([], ["c"])
    assert replay_events(0, CONFIG) >= 2
    assert names(reader, "lost") == ["b", "a"]


def lose_everything(kind: str) -> None:
    if kind == "production":
        host, port = os.environ["FEAST_REDIS"].split(":")
        redis.Redis(host, int(port)).flushall()
    else:
        (paths.VAR / "feast_online.db").unlink()
        apply_definitions(open_store())


def test_an_outage_delays_events_and_loses_none(tree: str, reader: FeatureReader) -> None:
    away = threading.Event()

    def open_or_fail() -> object:
        if away.is_set():
            raise ConnectionError("the store is away")
        return open_store()

    live = LiveView(EventLog(LOG), open_user_locks(CONFIG), open_or_fail, 5)  # type: ignore[arg-type]
    away.set()
    recording = live.record([event("a", "outage", 10)])
    assert recording.statuses == (ReceiptStatus.ACCEPTED,)
    assert not recording.visible
    with pytest.raises(StoreUnreachableError):
        live.heal()
    stop = threading.Event()
    follower = threading.Thread(target=live.follow, args=(stop, 0.02))
    follower.start()
    away.clear()
    end = time.monotonic() + 10
    while names(reader, "outage") != ["a"]:
        assert time.monotonic() < end
        time.sleep(0.02)
    stop.set()
    follower.join()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe no registry"])
def test_a_lost_or_damaged_feature_registry_delays_events_and_loses_none(
    reader: FeatureReader, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "registry.db").write_bytes(content)
    user = f"registry of {len(content)}"
    with another_registry(tmp_path / "registry.db"):
        recording = open_live_view(CONFIG).record([event("a", user, 10)])
        assert recording.statuses == (ReceiptStatus.ACCEPTED,)
        assert not recording.visible
    assert names(reader, user) == []
    open_live_view(CONFIG).heal()
    assert names(reader, user) == ["a"]
