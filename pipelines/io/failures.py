"""What goes wrong around a command and is no fault of this project: told in one line, too."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator

from expectations.contracts.errors import UserError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
NO_ROOM_WORDS = ("no space left on device", "database or disk is full", "disk quota exceeded")
"""What libraries make of these numbers when they raise an error of their own."""

AWAY = {
    "mlflow.exceptions.MlflowException": (
        "model registry",
        "start it, or correct MLFLOW_TRACKING_URI",
    ),
    "redis.exceptions.ConnectionError": ("online store", "start it, or correct FEAST_REDIS"),
    "redis.exceptions.TimeoutError": ("online store", "start it, or correct FEAST_REDIS"),
    "sqlalchemy.exc.OperationalError": (
        "database of the feature or model registry",
        "start it, or correct FEAST_REGISTRY and MLFLOW_TRACKING_URI",
    ),
}
"""By name, since importing these libraries takes seconds: place and remedy."""

OF_THE_SERVER = ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE")
"""MLflow's codes for a failure that is not the caller's."""

MAX_REASON = 160
"""Characters of a library's error that still make one line."""


def explain(error: BaseException) -> UserError | None:
    """Return the line for an error that a full disk or an absent server lies behind.

    ``None`` means that nothing is known of it: a fault of this project, to be seen in full.
    """
    full = no_room(error)
    if full is not None:
        remedy = "free some, then run the same command again"
        return UserError("disk", "has room for what is written", remedy, _reason(full))
    for link in _chain(error):
        for kind in type(link).__mro__:
            known = AWAY.get(f"{kind.__module__}.{kind.__qualname__}")
            if known and getattr(link, "error_code", OF_THE_SERVER[0]) in OF_THE_SERVER:
                return UserError(known[0], "answers", known[1], _reason(link))
    return None


def no_room(error: BaseException) -> BaseException | None:
    """Return what says, of an error and those that led to it, that a disk is full."""
    for link in _chain(error):
        full = isinstance(link, OSError) and link.errno in NO_ROOM
        if full or any(words in str(link).lower() for words in NO_ROOM_WORDS):
            return link
    return None


def says_more(record: logging.LogRecord) -> bool:
    """Let a library's word through unless it is of a full disk: the command ends with ours."""
    said = record.getMessage().lower()
    return not any(words in said for words in NO_ROOM_WORDS)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:MAX_REASON]
