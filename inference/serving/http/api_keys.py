"""API keys: who may ask what, how often. Only hashes of keys are kept, and no key is logged.

A key holds 256 random bits, so its SHA-256 says nothing of it: no slow hash is needed.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, TypeAdapter, ValidationError
from starlette.types import ASGIApp, Receive, Scope, Send

from expectations.contracts.errors import UserError
from inference.serving.http.allowances import Allowances
from inference.serving.http.problems import problem
from training.config import Config

PREFIX = "ie_"
KEY_BYTES = 32
"""As many as the hash has: neither is easier to guess than the other."""


class KeyScope(StrEnum):
    """What a key lets its holder do."""

    READ = "read"
    """Ask for recommendations, plans, interests and items."""
    WRITE = "write"
    """Send events, and change what a person hides or pins."""
    METRICS = "metrics"
    """Read the metrics."""
    ADMIN = "admin"
    """All of it."""


class ApiKey(Config):
    """A key as the file of keys has it.

    Attributes:
        name: of the holder; it stands in the log in place of the key.
        sha256: of the key, in hexadecimal digits.
        scopes: what it is good for.
        per_second: requests it may make in the long run; absent, as many as it likes.
        burst: requests it may make at once before that bound holds.
    """

    name: str = Field(min_length=1)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    scopes: tuple[KeyScope, ...] = Field(min_length=1)
    per_second: float | None = Field(default=None, gt=0)
    burst: int = Field(default=20, ge=1)


def make_key() -> str:
    """Return a new key."""
    return PREFIX + secrets.token_urlsafe(KEY_BYTES)


def hash_of_key(key: bytes) -> str:
    """Return what the file of keys holds of a key."""
    return sha256(key).hexdigest()


def read_keys(file: Path) -> tuple[ApiKey, ...]:
    """Return the keys of a file, a YAML list of :class:`ApiKey`.

    Raises:
        UserError: the file is missing or holds something else.
    """
    rule = "is a list of keys, each with name, sha256 and scopes"
    remedy = "make one with `explorer make-key`, or empty serving.api_keys to let everybody in"
    try:
        content: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
        keys = TypeAdapter(tuple[ApiKey, ...]).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(str(file), rule, remedy, f"{where}: {first['msg']}") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(str(file), rule, remedy, type(error).__name__) from None
    if not keys:
        raise UserError(str(file), rule, remedy, "no key")
    return keys


class KeyGuard:
    """Lets requests through that bear a key with the right scope; routes of health need none.

    Args:
        app: what it guards.
        keys: all there are.
        folder: which the processes of a service share, so that a key's rate holds for all of them;
            absent, this one is alone.
    """

    def __init__(self, app: ASGIApp, keys: Sequence[ApiKey], folder: Path | None = None) -> None:
        self._app = app
        self._keys = tuple(keys)
        names, bursts = [key.name for key in keys], [key.burst for key in keys]
        self._allowances = Allowances(names, bursts, folder)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        needed = scope_needed(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if needed is None:
            await self._app(scope, receive, send)
            return
        key = self._find(_credential(scope))
        if key is None:
            headers = {"www-authenticate": "Bearer"}
            await problem(401, "a valid API key is needed", headers)(scope, receive, send)
        elif needed not in key.scopes and KeyScope.ADMIN not in key.scopes:
            await problem(403, f"this key lacks the scope {needed}")(scope, receive, send)
        elif wait := self._take(key):
            headers = {"retry-after": str(int(wait) + 1)}
            await problem(429, "this key asks too often", headers)(scope, receive, send)
        else:
            scope["caller"] = key.name
            await self._app(scope, receive, send)

    def _find(self, credential: bytes | None) -> ApiKey | None:
        given = hash_of_key(credential or b"")
        found = None
        for key in self._keys:  # to the end, and each in constant time: time tells nothing
            if hmac.compare_digest(key.sha256, given):
                found = key
        return found if credential else None

    def _take(self, key: ApiKey) -> float:
        """Take one request from the key's allowance; return the seconds to wait if none is left."""
        if key.per_second is None:
            return 0.0
        return self._allowances.take(self._keys.index(key), key.per_second)


def scope_needed(method: str, path: str) -> KeyScope | None:
    """Return the scope a request needs; probes, the page and the description need none.

    What is not known to be harmless needs a key, so a new route is guarded from its first day.
    """
    if path in ("/", "/healthz", "/readyz", "/openapi.json") or path.startswith("/page/"):
        return None
    if path == "/metrics":
        return KeyScope.METRICS
    is_change = path.startswith("/v1/events") or method in ("PUT", "DELETE", "PATCH")
    return KeyScope.WRITE if is_change else KeyScope.READ


def _credential(scope: Scope) -> bytes | None:
    """Return the key that a request bears; two of them are none: a proxy might see the other."""
    found = [
        value.removeprefix(b"Bearer ") if name == b"authorization" else value
        for name, value in scope["headers"]
        if name in (b"authorization", b"x-api-key")
    ]
    return found[0] if len(found) == 1 else None
