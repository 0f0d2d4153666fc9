"""Connections of the served application, as its settings make them: none is kept waiting."""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from benchmarks.serving.load import connect, request_of
from inference.serving.config import ServingConfig
from pipelines.online.listener import bind
from pipelines.online.serve import server_settings
from tests.servers import free_port

ASKING = request_of("GET", "/")
SECONDS_OF_AN_ANSWER = 0.003
N_KEPT = 32
N_NEW = 100
TURNS = 25
"""Answers that each kept connection may get while new ones wait. A loop that takes one of them a
turn needs about as many turns as there are; one that takes all needs a few."""
DELAYED_ACKNOWLEDGEMENT = 0.04
"""Seconds that Linux waits with it, and Nagle's algorithm for it before a second small packet."""


@contextmanager
def served() -> Iterator[int]:
    """Serve an application that keeps its process busy, and yield its port."""

    async def answer(_: Request) -> Response:
        time.sleep(SECONDS_OF_AN_ANSWER)  # as answers are worked out in the loop itself
        return PlainTextResponse("there")

    app, port = Starlette(routes=[Route("/", answer)]), free_port()
    server = uvicorn.Server(server_settings(lambda: app, ServingConfig()))
    with bind("127.0.0.1", port) as bound:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.01)
            yield port
        finally:
            server.should_exit = True
            thread.join()


def test_new_connections_do_not_wait_behind_kept_ones() -> None:
    """As when a balancer opens many at once: whoever is connected already must not go first."""

    async def count_answers_to_kept(port: int) -> int:
        answered = 0

        async def keep_asking() -> None:
            nonlocal answered
            connection = await connect(port)
            while True:
                assert await connection.ask(ASKING) == 200
                answered += 1

        async def ask_once() -> int:
            return await (await connect(port)).ask(ASKING)

        kept = [asyncio.create_task(keep_asking()) for _ in range(N_KEPT)]
        while answered < N_KEPT:
            await asyncio.sleep(0.01)
        before = answered
        statuses = await asyncio.gather(*(ask_once() for _ in range(N_NEW)))
        meanwhile = answered - before
        for task in kept:
            task.cancel()
        ended = await asyncio.gather(*kept, return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError) for end in ended)
        assert statuses == [200] * N_NEW
        return meanwhile

    with served() as port:
        assert asyncio.run(count_answers_to_kept(port)) < TURNS * N_KEPT


def test_a_short_answer_is_sent_at_once() -> None:
    async def time_answers(port: int) -> list[float]:
        connection, seconds = await connect(port), []
        for _ in range(20):
            started = time.perf_counter()
            assert await connection.ask(ASKING) == 200
            seconds.append(time.perf_counter() - started)
        return seconds

    with served() as port:
        assert statistics.median(asyncio.run(time_answers(port))) < DELAYED_ACKNOWLEDGEMENT
