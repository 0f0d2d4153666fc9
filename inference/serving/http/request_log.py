"""One line of JSON a request, with its id and without the person's; headers every answer bears."""

from __future__ import annotations

import logging
import re
import time
from dataclasses import dataclass
from uuid import uuid4

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inference.serving.http.metrics import Metrics

log = logging.getLogger("requests")

REQUEST_ID = b"x-request-id"
KEPT_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
"""What a caller may choose as a request's id: nothing that could forge a line of the log."""
KNOWN_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        b"connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
)


@dataclass
class _Answered:
    status: int = 500


class RequestLog:
    """Gives every request an id, every answer its headers, and the log a line.

    The line names the route by its pattern, so no id of a person or an item stands in it. ``HEAD``
    is answered as ``GET`` is, without the body.

    Args:
        app: what answers.
        metrics: count the requests.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and note what became of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, method = time.perf_counter(), scope["method"]
        request_id = _request_id(scope)
        is_head = method == "HEAD"
        if is_head:
            scope["method"] = "GET"
        answered = _Answered()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered.status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    *SECURITY_HEADERS,
                    (REQUEST_ID, request_id),
                ]
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            seconds = time.perf_counter() - started
            known = method if method in KNOWN_METHODS else "other"
            self._metrics.observe_request(known, route_of(scope), answered.status, seconds)
            if log.isEnabledFor(logging.INFO):
                log.info("%s", _line(method, scope, answered.status, seconds, request_id))


def _request_id(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == REQUEST_ID and KEPT_REQUEST_ID.fullmatch(value):
            kept: bytes = value
            return kept
    return uuid4().hex.encode()


def _line(method: str, scope: Scope, status: int, seconds: float, request_id: bytes) -> str:
    return orjson.dumps(
        {
            "request_id": request_id.decode(),
            "method": method,
            "caller": scope.get("caller"),
            "route": route_of(scope),
            "status": status,
            "ms": round(1000 * seconds, 2),
        }
    ).decode()


def route_of(scope: Scope) -> str:
    """Return the pattern of the route that answered; no route is one name too."""
    return getattr(scope.get("route"), "path_format", None) or "none"
