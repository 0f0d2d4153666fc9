"""What a person chose of their interests: kept beside the events, one choice an interest.

A choice names its interest by the planner's words and one item of it, so that it holds in the next
release too, whose clusters have other ids.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

CHOICE_COLUMNS = "user_id, interest, kind, item_id, value"


class ChoiceKind(StrEnum):
    """What is to become of an interest, or of exploration as a whole."""

    HIDE = "hide"
    """It is not planned, and no item of it is shown."""
    PIN = "pin"
    """It leads every plan, also where it is no new one."""
    LESS = "less"
    """Interests of its family stand behind all others of a plan."""
    CHOSEN = "chosen"
    """Named at sign-up: it stands for a history where there is not enough of one."""
    SHARE = "share"
    """Of no interest: how much of a list explores where the request does not say."""


class Choice(NamedTuple):
    """One choice; ``interest`` and ``item_id`` are empty and ``value`` counts for a share."""

    user_id: str
    interest: str
    kind: ChoiceKind
    item_id: str = ""
    value: float = 0.0


def write_choices(
    connection: sqlite3.Connection,
    position: int,
    choices: Sequence[Choice],
    cleared: Iterable[tuple[str, str]],
) -> None:
    """Write choices over those of the same interests, at a position of the log.

    Args:
        connection: within a transaction.
        position: of the log.
        choices: new ones.
        cleared: user and interest of those that go.
    """
    connection.executemany("DELETE FROM choices WHERE user_id = ? AND interest = ?", cleared)
    connection.executemany(
        f"INSERT OR REPLACE INTO choices (recorded_at_us, {CHOICE_COLUMNS})"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [(position, *choice) for choice in choices],
    )


def choices_of(connection: sqlite3.Connection, user_id: str) -> tuple[Choice, ...]:
    """Return a user's choices, in the order in which they were made."""
    query = (
        f"SELECT {CHOICE_COLUMNS} FROM choices WHERE user_id = ? ORDER BY recorded_at_us, interest"
    )
    rows = connection.execute(query, (user_id,))
    return tuple(Choice(user, words, ChoiceKind(k), item, v) for user, words, k, item, v in rows)
