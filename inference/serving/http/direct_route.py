"""Answers one route past the framework, once a query like the request's has been let through.

Of a short answer the framework is a third: it finds the route among all others, and reads and
checks each parameter of the query. Most callers send the same few queries, for other people.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

OptionsT = TypeVar("OptionsT")
MAX_QUERIES = 1_000
"""That are remembered; far more than one page or one client sends."""
MAX_QUERY_BYTES = 500
"""Of a query that is remembered: a longer one names items, and hardly comes twice."""


class KnownQueries(Generic[OptionsT]):
    """What queries say that the framework has read and checked, by their bytes.

    Of one thread. Those that came first make room.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, OptionsT] = {}

    def find(self, query: bytes) -> OptionsT | None:
        """Return what a query says; ``None`` where it is not remembered."""
        return self._known.get(query)

    def add(self, query: bytes, options: OptionsT) -> None:
        """Remember what a query says."""
        if len(query) <= MAX_QUERY_BYTES:
            self._known[query] = options
            if len(self._known) > MAX_QUERIES:
                del self._known[next(iter(self._known))]


Answer = Callable[[str, bytes], Awaitable[bytes | None]]
"""Makes the JSON for the variable part of a path and a query; ``None`` leaves it to the route."""


class DirectRoute:
    """Answers what it can of one ``GET`` route, and passes everything else on.

    Args:
        app: what answers the rest.
        route: in whose place it answers; its path has one variable part.
        answer: makes the JSON.
    """

    def __init__(self, app: ASGIApp, route: Route, answer: Answer) -> None:
        self._app = app
        self._route = route
        self._answer = answer
        self._start, _, end = route.path_format.partition("{")
        self._end = end.partition("}")[2]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        body = None
        if scope["type"] == "http" and scope["method"] == "GET":
            path: str = scope["path"]
            if path.startswith(self._start) and path.endswith(self._end):
                named = path[len(self._start) : len(path) - len(self._end)]
                body = await self._answer(named, scope["query_string"])
        if body is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = self._route  # by which log and metrics name the request
        headers = [
            (b"content-length", str(len(body)).encode()),
            (b"content-type", b"application/json"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
