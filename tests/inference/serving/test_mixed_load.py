"""All at once, for as long as MIXED_LOAD_SECONDS says: what comes back, what is kept, what grows.

MIXED_LOAD_SECONDS=600 python -m pytest -m long -s tests/inference/serving/test_mixed_load.py
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count, cycle
from pathlib import Path
from urllib.parse import quote

import numpy as np
import psutil
import pytest
import yaml

from inference.events.log import EventLog
from inference.serving.config import ServingConfig
from tests.inference.serving.readers import get_json
from tests.inference.serving.test_soak import Site, is_served, promote, promoter, site, wait_until
from tests.worlds.online.serving import N_CLUSTERS, item_of
from tests.worlds.online.telling_releases import ASKED

pytestmark = pytest.mark.long

SECONDS = float(os.environ.get("MIXED_LOAD_SECONDS", "20"))
N_READERS, N_SENDERS = 8, 2
TIMEOUT_SECONDS = 30.0
OUTAGE_SECONDS, PAUSE_SECONDS = 1.0, 4.0
BODY_SECONDS = 2.0
STORE_AWAY = (503, "the online store does not answer")
"""The documented answer of routes that tell features alone, while the store is away."""
GROWTH = 1.10
"""Of memory, over the second half: what a leak of a kilobyte a request would pass in a minute."""
MALFORMED: tuple[tuple[str, str, bytes, int], ...] = (
    ("POST", "/v1/events", b"{", 400),
    ("POST", "/v1/events", b"[]", 422),
    ("POST", "/v1/events", b'{"event_id": "a\\nb"}', 422),
    ("POST", "/v1/events/batch", b'{"events": [' + b"0," * 50_000 + b"0]}", 422),
    ("POST", "/v1/events/batch", b" " * 2_000_001, 413),
    ("POST", "/v1/recommendations/session", b'{"items": 3}', 422),
    ("POST", "/v1/recommendations/batch", b'{"users": []}', 422),
    ("GET", "/v1/users/ann/recommendations?count=1000000", b"", 422),
    ("GET", "/v1/users/a%0Ab/recommendations", b"", 422),
    ("GET", "/v1/items/no-such-item", b"", 404),
    ("GET", "/v1/nowhere", b"", 404),
    ("DELETE", "/v1/events", b"", 405),
)
HALF_REQUESTS = (
    b"GET /v1/users/ann/recomm",
    b"POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    b"content-length: 500\r\n\r\n{",
)


@dataclass
class Heard:
    """What came back, by the kind of request and status; what should not have; what was sent."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    accepted: dict[str, str] = field(default_factory=dict)
    memory: list[tuple[float, int]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, kind: str, status: int, body: bytes, *allowed: int) -> None:
        is_documented = kind == "features" and (status, _detail(body)) == STORE_AWAY
        with self.lock:
            self.answers[kind, status] += 1
            if status not in allowed and not is_documented:
                self.wrong.append(f"{kind}: {status} {body[:200]!r}")


def _detail(body: bytes) -> object:
    try:
        return json.loads(body).get("detail")
    except (ValueError, AttributeError):
        return None


class Line:
    """A connection that is kept, and opened again after the service has closed it."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)

    def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        headers = {"content-type": "application/json"} if body else {}
        try:
            self._connection.request(method, path, body or None, headers)
            response = self._connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return 0, repr(error).encode()


def read(here: Site, heard: Heard, number: int) -> Iterator[None]:
    line = Line(here.port)
    for user in cycle(ASKED[number:] + ASKED[:number]):
        path = f"/v1/users/{quote(user)}"
        heard.note("list", *line.ask("GET", f"{path}/recommendations"), 200)
        heard.note("features", *line.ask("GET", f"{path}/profile"), 200)
        yield


def send(here: Site, heard: Heard, number: int) -> Iterator[None]:
    """Send events; where no answer came, the same again by its id."""
    line = Line(here.port)
    for n in count():
        event_id, user = f"mixed-{number}-{n}", f"mixed {number} {n % 500}"
        event = {
            "event_id": event_id,
            "user_id": user,
            "item_id": item_of(n % N_CLUSTERS, n % 3),
            "timestamp": datetime.now(UTC).isoformat(),
            "feedback": 5.0,
        }
        status, body = line.ask("POST", "/v1/events", json.dumps(event).encode())
        heard.note("event", status, body, 200)
        if status == 200:
            with heard.lock:
                heard.accepted[event_id] = user
        choice = {"changes": [{"cluster_id": n % N_CLUSTERS, "choice": "hide"}]}
        path = f"/v1/users/{quote(user)}/interests"
        heard.note("choice", *line.ask("PATCH", path, json.dumps(choice).encode()), 200)
        yield


def send_malformed(here: Site, heard: Heard) -> Iterator[None]:
    for method, path, body, expected in cycle(MALFORMED):
        # A body that is not read to its end closes the connection, so each has its own; one whose
        # answer is overtaken by that is no failure.
        status, said = Line(here.port).ask(method, path, body)
        heard.note("malformed", status, said, expected, *([0] if expected == 413 else []))
        time.sleep(0.02)
        yield


def dawdle(here: Site, heard: Heard) -> Iterator[None]:
    """Send a part of a request and wait until the service has had enough."""
    for half in cycle(HALF_REQUESTS):
        slow = [socket.create_connection(("127.0.0.1", here.port)) for _ in range(10)]
        for connection in slow:
            connection.sendall(half)
        for connection in slow:
            connection.settimeout(TIMEOUT_SECONDS)
            said = connection.recv(1000)
            connection.close()
            status = int(said.split()[1]) if said else 0
            heard.note("slow", status, said, 0, 408)
        yield


def move(here: Site, heard: Heard) -> Iterator[None]:
    """Promote and roll back, each followed by the service; take the store away in between."""
    assert here.redis is not None
    for turn in count():
        moved = promote(here.second) if turn % 2 == 0 else promoter().roll_back("ann", "soak")
        wait_until(lambda v=moved.to_version: is_served(here.port, v))  # type: ignore[misc]
        heard.note("move", 200, b"", 200)
        time.sleep(PAUSE_SECONDS)
        here.redis.stop()
        time.sleep(OUTAGE_SECONDS)
        here.redis.start()
        time.sleep(PAUSE_SECONDS)
        yield


def weigh(process: psutil.Process, heard: Heard) -> Iterator[None]:
    while True:
        heard.memory.append((time.monotonic(), process.memory_full_info().uss))
        time.sleep(0.5)
        yield


@contextmanager
def running(*loads: Iterator[None]) -> Iterator[None]:
    """Run loads until the end, each in a thread; what went wrong in one is raised then."""
    stop, failed = threading.Event(), []

    def run(load: Iterator[None]) -> None:
        try:
            while not stop.is_set():
                next(load)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(load,)) for load in loads]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failed == []


def growth(memory: list[tuple[float, int]]) -> tuple[float, float]:
    """Last tenth over the tenth in the middle; and the slope of the second half, MB a minute."""
    sizes = np.array([size for _, size in memory], dtype=float)
    half, tenth = len(sizes) // 2, max(1, len(sizes) // 10)
    times = np.array([when for when, _ in memory])[half:]
    slope = float(np.polyfit(times, sizes[half:], 1)[0]) * 60 / 1e6
    return float(np.median(sizes[-tenth:]) / np.median(sizes[half : half + tenth])), slope


def test_under_mixed_load_nothing_is_lost_nothing_fails_and_memory_stays(tmp_path: Path) -> None:
    with site("redis", tmp_path, n_others=10, settings={"body_seconds": BODY_SECONDS}) as here:
        heard = Heard()
        loads = [
            *(read(here, heard, number) for number in range(N_READERS)),
            *(send(here, heard, number) for number in range(N_SENDERS)),
            send_malformed(here, heard),
            dawdle(here, heard),
            move(here, heard),
            weigh(psutil.Process(here.service.pid), heard),
        ]
        with running(*loads):
            time.sleep(SECONDS)
        ratio, slope = growth(heard.memory)
        print(f"\n{SECONDS:.0f} s: {dict(sorted(heard.answers.items()))}")
        print(
            f"memory {heard.memory[0][1] / 1e6:.0f} MB at first, "
            f"{heard.memory[len(heard.memory) // 2][1] / 1e6:.0f} in the middle, "
            f"{heard.memory[-1][1] / 1e6:.0f} at the end; "
            f"{slope:+.2f} MB a minute in the second half"
        )
        assert heard.wrong == []
        assert {kind for kind, _ in heard.answers} == {
            *("list", "features", "event", "choice", "malformed", "slow", "move")
        }
        params = yaml.safe_load((here.root / "params.yaml").read_text())
        log = EventLog(here.root / ServingConfig.model_validate(params["serving"]).event_log)
        assert len(heard.accepted) > SECONDS
        kept = {event.event_id for event in log.find(heard.accepted)}
        assert kept == set(heard.accepted), "every event that was answered is in the log"
        last = {user: event_id for event_id, user in heard.accepted.items()}
        for user in list(last)[:20]:
            wait_until(lambda u=user: bool(_history(here.port, u)))  # type: ignore[misc]
        assert ratio < GROWTH


def _history(port: int, user: str) -> object:
    return get_json(port, f"/v1/users/{quote(user)}/profile").get("history")
