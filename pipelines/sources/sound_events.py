"""Refuses events that no log may hold, and says how to be rid of them."""

from __future__ import annotations

import polars as pl

from expectations.contracts.errors import SAMPLE_ROWS, UserError
from expectations.contracts.interaction_rules import (
    CONTROL_CHARACTERS,
    EARLIEST,
    FEEDBACK_RULE,
    ID_RULE,
    LATEST,
    MAX_ID_LENGTH,
    MISSING_MARKERS,
    TIME_RULE,
)

IDS = ("event_id", "user_id", "item_id")
REMEDY = (
    "take them out of the event log with "
    "`explorer drop-events EVENT_ID …`, which leaves the person's others, then export again"
)


def require_sound_events(events: pl.DataFrame, where: str) -> None:
    """Refuse a table EVENTS with times, ids or feedback that the raw-data suite would not pass.

    Args:
        events: the table; its feedback has 32 bits, so what was too large is infinite.
        where: what to call it.

    Raises:
        UserError: naming the first such events.
    """
    time = pl.col("timestamp")
    is_out_of_range = ~pl.col("feedback").is_finite().fill_null(True)
    for rule, is_bad, column in (
        (TIME_RULE, (time < EARLIEST) | (time >= LATEST), "timestamp"),
        (FEEDBACK_RULE, is_out_of_range, "feedback"),
        *((ID_RULE, ~_is_id(pl.col(name)), name) for name in IDS),
    ):
        bad = events.filter(is_bad)
        if bad.height:
            rows = bad.head(SAMPLE_ROWS).select("event_id", column).rows()
            shown = ", ".join(f"event {event!r}: {column} {value}" for event, value in rows)
            raise UserError(where, rule, REMEDY, f"{bad.height:,} events; {shown}")


def _is_id(text: pl.Expr) -> pl.Expr:
    length = text.str.len_chars()
    return (
        length.is_between(1, MAX_ID_LENGTH)
        & (text == text.str.strip_chars())
        & ~text.is_in(list(MISSING_MARKERS))
        & ~text.str.contains(CONTROL_CHARACTERS)
    )
