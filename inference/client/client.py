"""Sends calls and returns their replies: one client that waits, one that awaits."""

from __future__ import annotations

import json
import time
from types import TracebackType

import anyio
import httpx

from inference.client.calls import Call
from inference.client.decode import Reply, read_reply
from inference.client.errors import NoAnswerError, StrangeReplyError, refusal
from inference.client.retries import Retries

PATIENCE = httpx.Timeout(5.0, connect=1.0)
"""Seconds until an attempt is given up; a list takes milliseconds, a large batch of events more."""
USUAL = Retries()


class ServiceClient:
    """A client that waits for replies; threads may share it, and its connections are kept.

    Args:
        address: of the service, such as ``http://127.0.0.1:8000``.
        key: an API key, where the service needs one.
        timeout: of each attempt, in seconds or by httpx's own parts.
        retries: of calls that were not answered.
    """

    def __init__(
        self,
        address: str,
        key: str | None = None,
        timeout: float | httpx.Timeout = PATIENCE,
        retries: Retries = USUAL,
    ) -> None:
        self._retries = retries
        self._http = httpx.Client(base_url=address, headers=_headers(key), timeout=timeout)

    def send(self, call: Call[Reply]) -> Reply:
        """Send a call, again where no answer came, and return its reply.

        Raises:
            RefusedError: the service refuses it; the error's type tells the status.
            NoAnswerError: it did not answer, however often it was asked.
            StrangeReplyError: the answer is not what this client's version expects.
        """
        for attempt in range(1, self._retries.attempts + 1):
            answer = problem = None
            try:
                answer = self._http.send(_request(self._http, call))
                if answer.status_code in call.answers:
                    return _read(call, answer)
            except httpx.TransportError as error:
                problem = error
            wait = _wait(self._retries, attempt, answer)
            if wait is None:
                break
            time.sleep(wait)
        raise _failure(call, answer, problem)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> ServiceClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncServiceClient:
    """The same for asyncio and trio: tasks may share it."""

    def __init__(
        self,
        address: str,
        key: str | None = None,
        timeout: float | httpx.Timeout = PATIENCE,
        retries: Retries = USUAL,
    ) -> None:
        self._retries = retries
        self._http = httpx.AsyncClient(base_url=address, headers=_headers(key), timeout=timeout)

    async def send(self, call: Call[Reply]) -> Reply:
        """Send a call as :meth:`ServiceClient.send` does."""
        for attempt in range(1, self._retries.attempts + 1):
            answer = problem = None
            try:
                answer = await self._http.send(_request(self._http, call))
                if answer.status_code in call.answers:
                    return _read(call, answer)
            except httpx.TransportError as error:
                problem = error
            wait = _wait(self._retries, attempt, answer)
            if wait is None:
                break
            await anyio.sleep(wait)
        raise _failure(call, answer, problem)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> AsyncServiceClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


def _headers(key: str | None) -> dict[str, str]:
    return {} if key is None else {"authorization": f"Bearer {key}"}


def _request(http: httpx.Client | httpx.AsyncClient, call: Call[Reply]) -> httpx.Request:
    # as it is: an encoded slash in an id is no slash of the path
    target = http.base_url.raw_path.rstrip(b"/") + call.path.encode()
    if call.query:
        target += f"?{httpx.QueryParams(call.query)}".encode()
    address = http.base_url.copy_with(raw_path=target)
    return http.build_request(call.method, address, json=call.body)


def _read(call: Call[Reply], answer: httpx.Response) -> Reply:
    if call.reply is str:
        return read_reply(call.reply, answer.text)
    try:
        content = json.loads(answer.content)
    except ValueError:
        raise StrangeReplyError(f"{call.route}: the answer is not JSON") from None
    return read_reply(call.reply, content, call.route)


def _wait(retries: Retries, attempt: int, answer: httpx.Response | None) -> float | None:
    if answer is None:
        return retries.wait_after(attempt, None, None)
    return retries.wait_after(attempt, answer.status_code, answer.headers.get("retry-after"))


def _failure(
    call: Call[Reply], answer: httpx.Response | None, problem: httpx.TransportError | None
) -> Exception:
    if answer is None:
        said = str(problem) or type(problem).__name__
        failed = NoAnswerError(f"{call.method} {call.route}: {said}")
        failed.__cause__ = problem
        return failed
    try:
        detail = str(json.loads(answer.content)["detail"])
    except (ValueError, KeyError, TypeError):
        detail = answer.text[:200]  # not ours: what stands before the service answered
    return refusal(answer.status_code, detail, answer.headers.get("x-request-id", ""))
