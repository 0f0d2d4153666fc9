"""The row of the live view: how a user's events are put into it and read out of it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from feast.protos.feast.types.Value_pb2 import Value

from expectations.contracts.tables import USER_LIVE_EVENTS
from inference.events.choice import Choice, ChoiceKind
from inference.events.event import ItemEvent, RecordedEvent
from inference.events.log import UserEvents

CHOICE_LISTS = ("choice_interests", "choice_kinds", "choice_items", "choice_values")
EVENT_LISTS = tuple(c.name for c in USER_LIVE_EVENTS.features if c.name not in CHOICE_LISTS)


def to_rows(states: Sequence[UserEvents]) -> pd.DataFrame:
    """Return the rows of USER_LIVE_EVENTS, one a user; their time is the version of the row."""
    columns = {
        "user_id": [state.user_id for state in states],
        "event_timestamp": pd.to_datetime(
            [state.recorded_at_us for state in states], unit="us", utc=True
        ),
        "event_ids": [[e.event.event_id for e in state.newest] for state in states],
        "item_ids": [[e.event.item_id for e in state.newest] for state in states],
        "times_us": [[e.event.time_us for e in state.newest] for state in states],
        # Feast turns a list of nothing but NaN into zeros, so a list of its own says what is none
        "feedback": [[e.event.feedback or 0.0 for e in state.newest] for state in states],
        "has_feedback": [[e.event.feedback is not None for e in s.newest] for s in states],
        "recorded_at_us": [[e.recorded_at_us for e in state.newest] for state in states],
    }
    columns |= {
        "choice_interests": [[c.interest for c in state.choices] for state in states],
        "choice_kinds": [[str(c.kind) for c in state.choices] for state in states],
        "choice_items": [[c.item_id for c in state.choices] for state in states],
        "choice_values": [[c.value for c in state.choices] for state in states],
    }
    return pd.DataFrame(columns)[USER_LIVE_EVENTS.schema.names]


def read_choices(lists: Mapping[str, Value | None], user_id: str) -> tuple[Choice, ...]:
    """Return the choices of one row; none where an earlier version wrote it.

    Args:
        lists: the columns :data:`CHOICE_LISTS` as Feast stores them.
        user_id: whose row it is.
    """
    interests, kinds, items, values = (lists[name] for name in CHOICE_LISTS)
    if not (interests and kinds and items and values):
        return ()
    rows = zip(
        interests.string_list_val.val,
        kinds.string_list_val.val,
        items.string_list_val.val,
        values.float_list_val.val,
        strict=True,
    )
    return tuple(Choice(user_id, words, ChoiceKind(k), item, v) for words, k, item, v in rows)


def read_row(lists: Mapping[str, Value | None], user_id: str) -> tuple[RecordedEvent, ...]:
    """Return the events of one row, newest first; none for a missing row.

    Args:
        lists: the columns :data:`EVENT_LISTS` as Feast stores them.
        user_id: whose row it is.
    """
    found = [lists[name] for name in EVENT_LISTS]
    ids, items, times, feedback, is_given, recorded = found
    if not (ids and items and times and feedback and is_given and recorded):
        return ()
    rows = zip(
        ids.string_list_val.val,
        items.string_list_val.val,
        times.int64_list_val.val,
        feedback.float_list_val.val,
        is_given.bool_list_val.val,
        recorded.int64_list_val.val,
        strict=True,
    )
    return tuple(
        RecordedEvent(
            ItemEvent(event_id, user_id, item_id, time_us, strength if has_feedback else None),
            recorded_at_us,
        )
        for event_id, item_id, time_us, strength, has_feedback, recorded_at_us in rows
    )
