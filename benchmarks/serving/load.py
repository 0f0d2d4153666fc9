"""Makes load on a server from a process of its own, over connections that are kept.

`python -m benchmarks.serving.load CASES`, which `benchmarks.serving.requests` starts. The client
is as lean as HTTP allows: on two cores it must leave the server its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

Case = list[bytes]
"""Requests that are made one after another."""
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
OK = 200
TIMER_SECONDS = 0.002
"""A loop's timers are late by up to a millisecond, and a core that slept by more: the rest of the
time to a request is spent awake, so that being late is the server's alone."""


@dataclass
class Heard:
    """What came of a load.

    Attributes:
        wall: seconds it took.
        seconds: of each case, from when it was due to its last answer.
        failures: statuses other than 200.
    """

    wall: float = 0.0
    seconds: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)


class Connection:
    """One connection, for one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, request: bytes) -> int:
        """Return the status of the answer, all of which has been read."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = LENGTH.search(head)
        await self._reader.readexactly(int(length[1]) if length else 0)
        return int(head.split(b" ", 2)[1])


def request_of(method: str, path: str, body: str | None = None) -> bytes:
    """Return a request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "host: localhost"]
    content = b"" if body is None else body.encode()
    if content:
        lines += ["content-type: application/json", f"content-length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


async def run(
    port: int, cases: Sequence[Case], seconds: float, n_clients: int, rate: float
) -> Heard:
    """Ask for a while: ``n_clients`` without a pause, or at random times, ``rate`` a second."""
    heard = Heard()
    idle: list[Connection] = []
    started = time.perf_counter()

    async def do(case: Case, due: float) -> None:
        connection = idle.pop() if idle else await connect(port)
        for request in case:
            try:
                status = await connection.ask(request)
            except (asyncio.IncompleteReadError, ConnectionError):
                # a server closes connections that were idle for long; the request goes out anew
                connection = await connect(port)
                status = await connection.ask(request)
            if status != OK:
                heard.failures[str(status)] += 1
        heard.seconds.append(time.perf_counter() - due)
        idle.append(connection)

    async def client(number: int) -> None:
        index = number
        while (now := time.perf_counter()) < started + seconds:
            await do(cases[index % len(cases)], now)
            index += n_clients

    if rate:
        chance, due, tasks = random.Random(0), started, []
        for index in range(int(rate * seconds)):
            due += chance.expovariate(rate)
            while (left := due - time.perf_counter()) > 0:
                await asyncio.sleep(max(0.0, left - TIMER_SECONDS))
            tasks.append(asyncio.create_task(do(cases[index % len(cases)], due)))
        await asyncio.gather(*tasks)
    else:
        await asyncio.gather(*(client(number) for number in range(n_clients)))
    heard.wall = time.perf_counter() - started
    return heard


async def connect(port: int) -> Connection:
    """Return a new connection to a port of loopback."""
    return Connection(*await asyncio.open_connection("127.0.0.1", port))


def main() -> None:
    """Read cases, a list of lists of requests as text, and print what was heard as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving.load", description=__doc__)
    parser.add_argument("cases", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--core", type=int)
    options = parser.parse_args()
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
    cases = [[one.encode() for one in case] for case in json.loads(options.cases.read_text())]
    load = run(options.port, cases, options.seconds, options.clients, options.rate)
    print(json.dumps(vars(asyncio.run(load))))


if __name__ == "__main__":
    main()
