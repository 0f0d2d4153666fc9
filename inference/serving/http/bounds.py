"""Bounds on what a client sends: how large a body is, how long it and its head may take."""

from __future__ import annotations

import asyncio
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from inference.serving.http.problems import problem_body

HEAD_SECONDS = 10.0
"""From the first byte of a connection, or of its next request, to the end of the head."""
TOO_LARGE = (413, "the body is larger than the service takes")
TOO_LATE = (408, "the body did not arrive in time")


class BodyBounds:
    """Refuses a body that is larger than ``max_bytes`` or has not arrived after ``seconds``.

    The connection is closed with the answer: what else it would bring is not read.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, seconds: float) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, its body within the bounds."""
        announced = _announced_bytes(scope) if scope["type"] == "http" else 0
        if announced == 0:
            await self._app(scope, receive, send)
        elif announced is not None and announced > self._max_bytes:
            await _refuse(send, *TOO_LARGE)
        else:
            await _Bounded(receive, send, self._max_bytes, self._seconds).run(self._app, scope)


class _Bounded:
    """One request whose body is watched while the application reads it."""

    def __init__(self, receive: Receive, send: Send, max_bytes: int, seconds: float) -> None:
        self._receive_any = receive
        self._send_any = send
        self._bytes_left = max_bytes
        self._end = time.monotonic() + seconds
        self._is_whole = False
        self._has_answered = False
        self._refusal: tuple[int, str] | None = None

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        try:
            await app(scope, self._receive, self._send)
        finally:
            if self._refusal and not self._has_answered:
                await _refuse(self._send_any, *self._refusal)

    async def _receive(self) -> Message:
        if self._is_whole:
            return await self._receive_any()
        try:
            async with asyncio.timeout(self._end - time.monotonic()):
                message = await self._receive_any()
        except TimeoutError:
            self._refusal = TOO_LATE
            return {"type": "http.disconnect"}
        self._bytes_left -= len(message.get("body", b""))
        if self._bytes_left < 0:
            self._refusal = TOO_LARGE
            return {"type": "http.disconnect"}
        self._is_whole = not message.get("more_body", False)
        return message

    async def _send(self, message: Message) -> None:
        if self._refusal is None:
            self._has_answered = True
            await self._send_any(message)


def _announced_bytes(scope: Scope) -> int | None:
    """Return the length of the body; ``None`` where it comes in chunks of unknown number."""
    for name, value in scope["headers"]:
        if name == b"transfer-encoding":
            return None
        if name == b"content-length":
            return int(value)
    return 0


async def _refuse(send: Send, status: int, detail: str) -> None:
    body = problem_body(detail)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class PatientProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, which closes a connection whose head does not arrive in time.

    Uvicorn bounds the pause between two requests, not a head of which only a part came.
    """

    _waits_for_head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the head of the first request."""
        super().connection_made(transport)
        self._waits_for_head = self.loop.call_later(HEAD_SECONDS, transport.close)

    def data_received(self, data: bytes) -> None:
        """Take bytes; of a request's head the rest is waited for."""
        if self._waits_for_head is None and (self.cycle is None or self.cycle.response_complete):
            self._waits_for_head = self.loop.call_later(HEAD_SECONDS, self.transport.close)
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _stop_waiting(self) -> None:
        if self._waits_for_head is not None:
            self._waits_for_head.cancel()
            self._waits_for_head = None
