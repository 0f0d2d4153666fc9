"""Forgotten people in an event log: their past goes, and is not taken again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from expectations.contracts.forgotten import ForgottenUsers, hash_of_user
from inference.events.event import ItemEvent, to_microseconds
from inference.events.log_database import LogDatabase


def hold_forgotten(database: LogDatabase, forgotten: ForgottenUsers) -> None:
    """Remove the past of these people, as far as the log has not done so before.

    A log that was restored from a backup made before they asked loses it here.
    """
    cuts = {user: to_microseconds(asked) for user, asked in forgotten.asked_at.items()}
    known = dict(database.connection().execute("SELECT user_sha256, until_us FROM forgotten"))
    new = {user: cut for user, cut in cuts.items() if cut > known.get(user, -1)}
    if not new:
        return
    with database.writing(durable=True) as connection:
        note_forgotten(connection, new.items())
        query = "SELECT user_id FROM events UNION SELECT user_id FROM choices"
        users = connection.execute(query).fetchall()
        theirs = [(u, cut) for (u,) in users if (cut := new.get(hash_of_user(u))) is not None]
        connection.executemany("DELETE FROM events WHERE user_id = ? AND time_us <= ?", theirs)
        connection.executemany(
            "DELETE FROM choices WHERE user_id = ? AND recorded_at_us <= ?", theirs
        )
    database.erase_removed()


def note_forgotten(connection: sqlite3.Connection, cuts: Iterable[tuple[str, int]]) -> None:
    """Keep the hashes of people with the time, in microseconds, up to which nothing is taken."""
    connection.executemany(
        "INSERT INTO forgotten (user_sha256, until_us) VALUES (?, ?)"
        " ON CONFLICT (user_sha256) DO UPDATE SET until_us = MAX(until_us, excluded.until_us)",
        cuts,
    )


def is_forgotten(connection: sqlite3.Connection, event: ItemEvent) -> bool:
    """Say whether an event is from before its user asked to be forgotten."""
    cut = connection.execute(
        "SELECT until_us FROM forgotten WHERE user_sha256 = ?", (hash_of_user(event.user_id),)
    ).fetchone()
    return cut is not None and event.time_us <= cut[0]
