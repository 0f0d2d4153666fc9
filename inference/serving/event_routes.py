"""The HTTP side of live events: what is taken, what is refused, what the sender is told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import FastAPI
from pydantic import AwareDatetime, BaseModel, ConfigDict, FailFast, Field, field_validator

from expectations.contracts.interaction_rules import EARLIEST, MAX_FEEDBACK
from inference.events.event import ItemEvent, ReceiptStatus, to_microseconds
from inference.events.identifier import Identifier
from inference.events.live_view import LiveView
from inference.serving.http.problems import OUT_OF_RANGE, UNREADABLE_BODY

MAX_EVENTS_AT_ONCE = 1_000
"""Bounds what one request may make the service check and write; more come in several."""
ISO_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:")
CLOCK_DIFFERENCE = timedelta(minutes=5)
"""How far a sender's clock may be ahead of ours."""


class SentEvent(BaseModel):
    """A user acted on an item.

    Choose ``event_id`` yourself and send it again if no answer came: an event counts once.
    ``timestamp`` is an ISO time with its zone; leave ``feedback`` out where there is none. What is
    taken here every build takes: ids, times and feedback keep the same rules.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    event_id: Identifier
    user_id: Identifier
    item_id: Identifier
    timestamp: AwareDatetime
    feedback: float | None = Field(
        default=None, strict=True, allow_inf_nan=False, ge=-MAX_FEEDBACK, le=MAX_FEEDBACK
    )

    @field_validator("timestamp", mode="before")
    @classmethod
    def _is_a_date_and_time(cls, value: object) -> object:
        # pydantic would take seconds since 1970 as well, and those as text
        if not isinstance(value, str) or not ISO_TIME.match(value):
            raise ValueError("a time is written as ISO 8601 has it, with its zone")
        return value

    @field_validator("timestamp")
    @classmethod
    def _lies_in_the_past(cls, value: datetime) -> datetime:
        if value < EARLIEST:
            raise ValueError(f"an event lies after {EARLIEST.year}, as the logs of builds must")
        if value > datetime.now(UTC) + CLOCK_DIFFERENCE:
            raise ValueError("an event lies in the past")
        return value

    def as_event(self) -> ItemEvent:
        """Return the event as the log takes it."""
        time_us = to_microseconds(self.timestamp)
        return ItemEvent(self.event_id, self.user_id, self.item_id, time_us, self.feedback)


class SentEvents(BaseModel):
    """Several events; of one user or many, in any order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # one error is told, so none beyond the first is looked for: each would cost memory and time
    events: Annotated[tuple[SentEvent, ...], FailFast()] = Field(
        min_length=1, max_length=MAX_EVENTS_AT_ONCE
    )


@dataclass(frozen=True)
class Receipt:
    """What became of one event."""

    event_id: str
    status: ReceiptStatus


@dataclass(frozen=True)
class SingleReceipt(Receipt):
    """What became of the event. ``visible``: the user's next request sees it.

    An event that is not visible is recorded all the same, and seen once the store answers.
    """

    visible: bool


@dataclass(frozen=True)
class Receipts:
    """What became of the events, in their order; ``visible`` as in the answer for one event."""

    receipts: tuple[Receipt, ...]
    visible: bool


def add_event_routes(app: FastAPI, live: LiveView) -> None:
    """Let ``app`` take events.

    Args:
        app: the application.
        live: records the events and writes the live view.
    """

    @app.post("/v1/events", responses=OUT_OF_RANGE | UNREADABLE_BODY)
    def record_event(sent: SentEvent) -> SingleReceipt:
        """Record one event; it survives a crash once it is answered."""
        recording = live.record([sent.as_event()])
        return SingleReceipt(sent.event_id, recording.statuses[0], recording.visible)

    @app.post("/v1/events/batch", responses=OUT_OF_RANGE | UNREADABLE_BODY)
    def record_events(sent: SentEvents) -> Receipts:
        """Record up to a thousand events, all of them or none."""
        recording = live.record([event.as_event() for event in sent.events])
        pairs = zip(sent.events, recording.statuses, strict=True)
        receipts = tuple(Receipt(event.event_id, status) for event, status in pairs)
        return Receipts(receipts, recording.visible)
