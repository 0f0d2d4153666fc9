"""Readers of a running service: many at once, over real connections, everything noted."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

TIMEOUT_SECONDS = 60.0
SEED = 7


@dataclass
class Heard:
    """What the readers were told.

    Attributes:
        bodies: (release, user) to the distinct answers, as JSON text.
        paths: how often each way of answering (``answered_by``) was taken.
        failures: what was no answer: a status other than 200, or a broken connection.
        seconds: how long each request took.
        moments: (when, release, way of answering) of each answer, on the monotonic clock.
    """

    bodies: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    paths: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    moments: list[tuple[float, str, str]] = field(default_factory=list)


class Readers:
    """Threads that ask for recommendations, one request after another, until told to stop."""

    def __init__(self, port: int, users: Sequence[str], count: int) -> None:
        self.heard = Heard()
        self._port = port
        self._users = users
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(count)]

    def __enter__(self) -> Readers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT_SECONDS)
        place = number
        while not self._stop.is_set():
            user = self._users[place % len(self._users)]
            place += 1
            started = time.monotonic()
            try:
                status, text = _get(connection, recommendations_of(user))
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                status, text = 0, repr(error)
            self._note(user, status, text, started)

    def _note(self, user: str, status: int, text: str, started: float) -> None:
        now = time.monotonic()
        with self._lock:
            self.heard.seconds.append(now - started)
            if status != 200:
                self.heard.failures.append(f"{status}: {text[:200]}")
                return
            answer = json.loads(text)
            release_id, path = answer["release_id"], answer["answered_by"]
            self.heard.bodies.setdefault((release_id, user), set()).add(text)
            self.heard.paths[path] += 1
            self.heard.moments.append((now, release_id, path))


def recommendations_of(user: str) -> str:
    """The path under which a user's recommendations are found, always drawn alike."""
    return f"/v1/users/{quote(user, safe='')}/recommendations?seed={SEED}"


def get_json(port: int, path: str) -> dict[str, Any]:
    """Ask once, whatever the status of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        content: dict[str, Any] = json.loads(_get(connection, path)[1])
        return content
    finally:
        connection.close()


def _get(connection: http.client.HTTPConnection, path: str) -> tuple[int, str]:
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.read().decode()
