"""A hundred thousand events, repeated, out of order, from several processes that get killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from expectations.contracts.values import DataSeen
from inference.events.event import ItemEvent, to_microseconds
from inference.events.log import EventLog
from inference.features.live_history import merge_live
from inference.features.online_features import FeatureReader
from inference.serving.config import ServingConfig
from pipelines.online.feature_store import open_store
from pipelines.online.live_events import open_live_view
from tests.worlds.curation import START, at
from tests.worlds.online.stores import STORES, working_tree
from training.clusters.distance import climb
from training.clusters.tree_view import ServingClusters
from training.curation.config import HistoryConfig
from training.curation.histories import cluster_history_rows
from training.curation.item_histories import item_history_rows

pytestmark = pytest.mark.long

N_EVENTS = 100_000
N_REPEATS = 10_000
N_USERS = 2_500
N_SECONDS = 5_000
"""Few moments for the busiest users, so that many of their events are tied."""
N_ITEMS, N_CLUSTERS = 400, 20
N_WRITERS, N_KILLS, BATCH = 3, 5, 1_000
CONFIG = ServingConfig()
ITEM_IDS = tuple(f"i{place:03}" for place in range(N_ITEMS))
CLUSTERS = ServingClusters(
    level=0,
    descriptions=tuple(f"kind {n}" for n in range(N_CLUSTERS)),
    shown=tuple(f"kind {n}" for n in range(N_CLUSTERS)),
    ancestors=climb([], N_CLUSTERS),
    item_ids=ITEM_IDS,
    cluster_of_item=np.arange(N_ITEMS) % N_CLUSTERS,
)
SEEN = DataSeen(START, 0, 4.0)


def make_events(rng: np.random.Generator) -> list[ItemEvent]:
    """Events by made-up users, the busiest with under two hundred; a place and time but once."""
    users = np.sort(rng.beta(1, 2.5, size=N_EVENTS) * N_USERS).astype(int)
    seconds = rng.integers(0, N_SECONDS, N_EVENTS)
    items = rng.integers(0, N_ITEMS, N_EVENTS)
    strengths = rng.integers(1, 11, N_EVENTS) / 2
    return [
        ItemEvent(
            f"e{number:06}",
            f"u{user:04}",
            ITEM_IDS[item],
            to_microseconds(at(int(second))),
            None if strength == 0.5 else float(strength),
        )
        for number, (user, second, item, strength) in enumerate(
            zip(users, seconds, items, strengths, strict=True)
        )
    ]


def record_batches(
    log: str, environment: dict[str, str], batches: list[list[ItemEvent]], done: Connection
) -> None:
    """What a writer does: send batches one by one and tell which are answered."""
    os.environ.clear()
    os.environ.update(environment)  # which says what store it is
    live = open_live_view(CONFIG.model_copy(update={"event_log": log}))
    for place, batch in enumerate(batches):
        live.record(batch)
        done.send(place)


@dataclass
class Writer:
    """A process and the batches it was not yet answered for: those it sends again if killed."""

    batches: list[list[ItemEvent]]
    process: BaseProcess = field(init=False)
    done: Connection = field(init=False)

    def start(self, log: str) -> None:
        context = multiprocessing.get_context("forkserver")
        self.done, told = context.Pipe(duplex=False)
        arguments = (log, dict(os.environ), self.batches, told)
        self.process = context.Process(target=record_batches, args=arguments)
        self.process.start()
        told.close()

    def kill(self) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()
        self.note_answers()

    def note_answers(self) -> int:
        """Strike out what was answered; return how many batches that were."""
        answered = 0
        try:
            while self.done.poll():
                self.done.recv()
                answered += 1
        except EOFError:
            pass
        del self.batches[:answered]
        return answered


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with working_tree(request.param, tmp_path / "tree"):
        yield request.param


def test_the_final_histories_are_those_of_the_log(store: str) -> None:
    rng = np.random.default_rng(0)
    events = make_events(rng)
    repeats = rng.integers(0, N_EVENTS, N_REPEATS)
    order = rng.permutation(np.concatenate([np.arange(N_EVENTS), repeats]))
    sent = [events[place] for place in order]
    batches = [sent[start : start + BATCH] for start in range(0, len(sent), BATCH)]
    started = time.perf_counter()
    n_killed = send_all(batches, rng)
    seconds = time.perf_counter() - started
    assert n_killed == N_KILLS
    open_live_view(CONFIG).heal()  # as a service does when it starts
    print(f"{store}: {len(sent) / seconds:,.0f} events a second", file=sys.stderr)

    log = EventLog(Path(CONFIG.event_log))
    recorded = log.read(0, 2 * N_EVENTS)
    assert len(recorded) == N_EVENTS
    assert {r.event for r in recorded} == set(events)
    assert log.unwritten_users("", 1) == []
    recorded_at = {r.event.event_id: r.recorded_at_us for r in recorded}
    by_user = defaultdict(list)
    for event in events:
        by_user[event.user_id].append(event)
    expected = histories_of(events)
    reader = FeatureReader(open_store)
    for user, of_user in by_user.items():
        of_user.sort(key=lambda event: (event.time_us, event.event_id), reverse=True)
        found = reader.read_live(user)
        assert [r.event for r in found] == of_user[: CONFIG.live_events]
        assert [r.recorded_at_us for r in found] == [recorded_at[r.event.event_id] for r in found]
        merged = merge_live(None, found, CLUSTERS, SEEN)
        assert merged is not None
        assert (
            list(merged.history_clusters),
            list(merged.consumed_clusters),
            list(merged.recent_items),
            list(merged.consumed_items),
        ) == expected[user]


def send_all(batches: list[list[ItemEvent]], rng: np.random.Generator) -> int:
    """Send everything through writers that get killed in mid-work; return how many were."""
    # imported once, by the server that writers are forked from: Feast takes seconds to import
    multiprocessing.set_forkserver_preload(["pipelines.online.live_events"])
    writers = [Writer(batches[number::N_WRITERS]) for number in range(N_WRITERS)]
    for writer in writers:
        writer.start(CONFIG.event_log)
    kill_after = np.linspace(0.1, 0.8, N_KILLS) * len(batches)
    n_answered = n_killed = 0
    while running := [writer for writer in writers if writer.batches]:
        wait([writer.done for writer in running], timeout=1)
        n_answered += sum(writer.note_answers() for writer in running)
        for writer in running:
            if not writer.process.is_alive():
                n_answered += writer.note_answers()  # what it told last
                assert not writer.batches, f"a writer ended early: {writer.process.exitcode}"
        if n_killed < N_KILLS and n_answered >= kill_after[n_killed]:
            victim = running[n_killed % len(running)]
            if victim.batches:
                time.sleep(float(rng.uniform(0, 0.2)))  # somewhere between log and view
                victim.kill()
                n_killed += 1
                victim.start(CONFIG.event_log)
    for writer in writers:
        writer.process.join()
    return n_killed


def histories_of(
    events: list[ItemEvent],
) -> dict[str, tuple[list[int], list[int], list[str], list[str]]]:
    """What the stage histories makes of all the events: computed offline, by user."""
    frame = pl.DataFrame(
        {
            "user_id": [event.user_id for event in events],
            "item_id": [event.item_id for event in events],
            "timestamp": pl.Series([event.time_us for event in events]).cast(
                pl.Datetime("us", "UTC")
            ),
            "is_positive": [event.feedback is None or event.feedback >= 4.0 for event in events],
        }
    ).join(CLUSTERS.item_cluster_frame(), on="item_id")
    config = HistoryConfig(max_clusters=N_CLUSTERS, max_items=N_ITEMS, max_consumed_items=N_ITEMS)
    states = (
        cluster_history_rows(frame, config)
        .sort("event_timestamp")
        .group_by("user_id")
        .agg(pl.col("history_clusters", "consumed_clusters").last())
    )
    items = item_history_rows(frame, [at(N_SECONDS + 1)], config)
    rows = states.join(items, on="user_id").select(
        "user_id", "history_clusters", "consumed_clusters", "recent_items", "consumed_items"
    )
    return {user: tuple(lists) for user, *lists in rows.iter_rows()}
