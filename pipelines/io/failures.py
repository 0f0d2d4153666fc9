"""What goes wrong around a command and is no fault of this project: told in one line, too."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from expectations.contracts.errors import UserError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
NO_ROOM_WORDS = ("no space left on device", "database or disk is full", "disk quota exceeded")
"""What libraries make of these numbers when they raise an error of their own."""

OF_A_PATH = (
    *(errno.EACCES, errno.EPERM, errno.EROFS),
    *(errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG),
)
"""Rights, and what else is wrong with a place that a command was given."""


@dataclass(frozen=True)
class _Fault:
    """What lies behind an error: the parts of a :class:`UserError`."""

    place: str
    rule: str
    remedy: str


REFILL = (
    "a lost or damaged file is removed, then filled by `explorer publish` and "
    "`explorer replay-events`"
)
REDIS_AWAY = _Fault("online store", "answers", "start it, or correct FEAST_REDIS")
FAULTS: dict[str, _Fault | None] = {
    "mlflow.exceptions.MlflowException": _Fault(
        "model registry", "answers", "start it, or correct MLFLOW_TRACKING_URI"
    ),
    "redis.exceptions.ConnectionError": REDIS_AWAY,
    "redis.exceptions.TimeoutError": REDIS_AWAY,
    "sqlalchemy.exc.OperationalError": _Fault(
        "database of the feature or model registry",
        "answers",
        "start it, or correct FEAST_REGISTRY and MLFLOW_TRACKING_URI",
    ),
    "inference.store.store_connections.StoreUnreachableError": _Fault(
        "online store", "answers", f"start it, or correct feature_repo/feature_store.yaml; {REFILL}"
    ),
    "sqlite3.DatabaseError": _Fault(
        "a database of SQLite (online store or event log)",
        "is whole, and can be read and written",
        "look at the file and at what else has it open. An event log comes back from a backup "
        f"only; of the online store, {REFILL}",
    ),
    **dict.fromkeys(("sqlite3.IntegrityError", "sqlite3.ProgrammingError"), None),  # of our own
    "google.protobuf.message.DecodeError": _Fault(
        "feature registry",
        "is whole",
        "remove its file, which feature_repo/feature_store.yaml names; `explorer publish` makes it",
    ),
}
"""By name, since importing these libraries takes seconds."""

OF_THE_SERVER = ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE")
"""MLflow's codes for a failure that is not the caller's."""

MAX_REASON = 160
"""Characters of a library's error that still make one line."""


def explain(error: BaseException) -> UserError | None:
    """Return the line for an error behind which a disk, a file's rights or a store lies.

    ``None`` means that nothing is known of it: a fault of this project, to be seen in full.
    """
    full = no_room(error)
    if full is not None:
        remedy = "free some, then run the same command again"
        return UserError("disk", "has room for what is written", remedy, _reason(full))
    if isinstance(error, OSError) and error.errno in OF_A_PATH:
        remedy = "correct its owner or rights, or move away what lies there"
        place = str(error.filename2 or error.filename or "a file")
        return UserError(place, "can be read and written", remedy, error.strerror or _reason(error))
    for link in _chain(error):
        names = [f"{kind.__module__}.{kind.__qualname__}" for kind in type(link).__mro__]
        known = next((FAULTS[name] for name in names if name in FAULTS), None)
        if known and getattr(link, "error_code", OF_THE_SERVER[0]) in OF_THE_SERVER:
            return UserError(known.place, known.rule, known.remedy, _reason(link))
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
