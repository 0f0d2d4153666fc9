"""What a service is told: a user acted on an item. And what became of being told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class ItemEvent(NamedTuple):
    """A user acted on an item.

    Attributes:
        event_id: chosen by the sender; two events of one id are one event.
        user_id: who acted.
        item_id: what was acted on; it need not be known to any release.
        time_us: when, in microseconds since 1970, UTC.
        feedback: strength of the feedback; ``None`` where none was given.
    """

    event_id: str
    user_id: str
    item_id: str
    time_us: int
    feedback: float | None = None


class RecordedEvent(NamedTuple):
    """An event and its position in the log.

    ``recorded_at_us`` is when it was recorded, in microseconds since 1970. It ascends strictly
    from event to event, whatever the machine's clock does, so it tells what came later.
    """

    event: ItemEvent
    recorded_at_us: int


class ReceiptStatus(StrEnum):
    """What became of an event that was sent."""

    ACCEPTED = "accepted"
    """It is new and is in the log."""
    DUPLICATE = "duplicate"
    """The same event is in the log already; nothing was changed."""
    CONFLICT = "conflict"
    """Another event has this id; that one stands, this one was dropped."""
    FORGOTTEN = "forgotten"
    """It lies before its user asked to be forgotten: it was dropped, however often it is sent."""


def to_microseconds(time: datetime) -> int:
    """Return a time as microseconds since 1970; exact, unlike ``datetime.timestamp``."""
    return (time - EPOCH) // MICROSECOND
