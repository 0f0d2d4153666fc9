"""How a request is refused: one line that says what is wrong and where, never a stack trace."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

Responses = dict[int | str, dict[str, object]]
SHOWN_CHARACTERS = 40
"""Of what was wrong: enough to find it by, little enough for one line."""


@dataclass(frozen=True)
class Problem:
    """Why a request was not answered, in one line."""

    detail: str


def _refusal(description: str) -> dict[str, object]:
    return {"model": Problem, "description": description}


OUT_OF_RANGE: Responses = {422: _refusal("something in the request is out of its range")}
NO_RELEASE: Responses = {503: _refusal("no release has been taken into service yet")}
UNREACHABLE: Responses = {
    503: _refusal("no release has been taken into service yet, or the store does not answer")
}
UNKNOWN: Responses = {404: _refusal("there is no such thing")}
OTHER_RELEASE: Responses = {409: _refusal("another release than the one asked for is in service")}
UNREADABLE_BODY: Responses = {
    400: _refusal("the body is not JSON"),
    408: _refusal("the body did not arrive in time"),
    413: _refusal("the body is larger than the service takes"),
}


def explain_problems(app: FastAPI) -> None:
    """Let ``app`` answer every refusal as a :class:`Problem`."""

    @app.exception_handler(RequestValidationError)
    async def explain(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            return problem(400, "the body is not JSON")
        shown = str(first.get("input"))[:SHOWN_CHARACTERS]
        return problem(422, f"{_field_path(first['loc'])}: {first['msg']}, not {shown!r}")

    @app.exception_handler(HTTPException)
    async def refuse(_: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, str(error.detail), dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def fail(_: Request, __: Exception) -> JSONResponse:
        return problem(500, "the service failed; its log says why")


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return the refusal of a request."""
    return JSONResponse(asdict(Problem(detail)), status, headers)


def problem_body(detail: str) -> bytes:
    """Return the body of a refusal, for what answers before the application does."""
    return json.dumps(asdict(Problem(detail))).encode()


def _field_path(location: tuple[int | str, ...]) -> str:
    """Return where in a request something is wrong, such as ``events[57].timestamp``."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in location[1:]]
    return "".join(parts).removeprefix(".") or str(location[-1])
