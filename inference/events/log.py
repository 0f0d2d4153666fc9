"""The event log: durable, written by many processes at once, every event once.

It is an SQLite database in write-ahead mode with every commit forced to disk. SQLite brings what a
log needs and what is easy to get wrong by hand: writers queue up for a lock, and a record torn by
a crash fails its checksum and is cut off at the next start.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from expectations.contracts.forgotten import ForgottenUsers, hash_of_user
from inference.events.choice import Choice, choices_of, write_choices
from inference.events.event import ItemEvent, ReceiptStatus, RecordedEvent
from inference.events.forgotten_people import hold_forgotten, is_forgotten, note_forgotten
from inference.events.log_database import LogDatabase

EVENT_COLUMNS = "event_id, user_id, item_id, time_us, feedback"
EVERYTHING = " UNION ALL ".join(
    f"SELECT user_id, recorded_at_us FROM {table}" for table in ("events", "choices")
)
NAMES_AT_ONCE = 500
"""SQLite takes a bounded number of values in one statement."""


@dataclass(frozen=True)
class UserEvents:
    """A user's newest events: what a row of the live view holds.

    Attributes:
        user_id: who.
        recorded_at_us: position in the log of the user's last event: the version of the row.
        newest: the user's newest events, by time and event id, newest first; so they do not
            depend on the order in which they were recorded.
        choices: what the user chose of interests.
    """

    user_id: str
    recorded_at_us: int
    newest: tuple[RecordedEvent, ...]
    choices: tuple[Choice, ...] = ()


class EventLog:
    """The log in the file ``path``; made if it is not there. Safe to share between threads.

    Beside the events it keeps ``unwritten``: the users whose newest events may not have reached
    the live view. Both change in one transaction, so a crash between log and view leaves a note.
    It also keeps the hashes of forgotten people: an event of theirs from before they asked is not
    taken again, whoever sends it and through whichever process.

    Args:
        path: the file.
        forgotten: people whose past must not be in this log; a log that was restored from a backup
            made before they asked loses it here.

    Raises:
        UserError: the file is not an event log, or a newer version of this project made it.
    """

    def __init__(self, path: Path, forgotten: ForgottenUsers | None = None) -> None:
        self._database = LogDatabase(path)
        if forgotten:
            hold_forgotten(self._database, forgotten)

    def append(self, events: Sequence[ItemEvent]) -> list[ReceiptStatus]:
        """Record these events; when this returns they survive a crash of the machine.

        Returns:
            What became of each, in their order. The first event of an id stands.
        """
        with self._database.writing(durable=True) as connection:
            position = self._database.next_position(connection)
            statuses = []
            newest: dict[str, int] = {}
            for event in events:
                status = _insert(connection, event, position)
                statuses.append(status)
                if status is ReceiptStatus.ACCEPTED:
                    newest[event.user_id] = position
                    position += 1
            _note_unwritten(connection, newest.items())
        return statuses

    def choose(self, choices: Sequence[Choice], cleared: Iterable[tuple[str, str]] = ()) -> None:
        """Keep these choices, durably, over those of the same interests.

        Args:
            choices: of any users.
            cleared: user and interest of choices that go.
        """
        gone = list(cleared)
        with self._database.writing(durable=True) as connection:
            position = self._database.take_position(connection)
            write_choices(connection, position, choices, gone)
            users = {choice.user_id for choice in choices} | {user for user, _ in gone}
            _note_unwritten(connection, [(user, position) for user in sorted(users)])

    def unwritten_among(self, users: Iterable[str]) -> list[str]:
        """Return those of ``users`` whose newest events may not be in the live view, ascending."""
        found: list[str] = []
        names = sorted(set(users))
        for start in range(0, len(names), NAMES_AT_ONCE):
            piece = names[start : start + NAMES_AT_ONCE]
            marks = ",".join("?" * len(piece))
            query = f"SELECT user_id FROM unwritten WHERE user_id IN ({marks}) ORDER BY user_id"
            found.extend(user for (user,) in self._database.connection().execute(query, piece))
        return found

    def unwritten_users(self, after: str, limit: int) -> list[str]:
        """Return up to ``limit`` users of :meth:`unwritten_among` that come after ``after``."""
        query = "SELECT user_id FROM unwritten WHERE user_id > ? ORDER BY user_id LIMIT ?"
        return [user for (user,) in self._database.connection().execute(query, (after, limit))]

    def read_unwritten(self, users: Sequence[str], count: int) -> list[UserEvents]:
        """Return, as of one moment, the newest ``count`` events of those users still unwritten."""
        query = "SELECT recorded_at_us FROM unwritten WHERE user_id = ?"
        with self._database.reading() as connection:
            found = [_read_user(connection, user, query, count) for user in users]
        return [user for user in found if user is not None]

    def users(self, after: str, limit: int) -> list[str]:
        """Return up to ``limit`` users with events or choices, ascending, beyond ``after``."""
        query = (
            "SELECT user_id FROM events WHERE user_id > ?1 UNION"
            " SELECT user_id FROM choices WHERE user_id > ?1 ORDER BY user_id LIMIT ?2"
        )
        return [user for (user,) in self._database.connection().execute(query, (after, limit))]

    def read_users(self, users: Sequence[str], count: int) -> list[UserEvents]:
        """Return, as of one moment, the newest ``count`` events of those users who have a row."""
        query = f"SELECT MAX(recorded_at_us) FROM ({EVERYTHING}) WHERE user_id = ?"
        with self._database.reading() as connection:
            found = [_read_user(connection, user, query, count) for user in users]
        return [user for user in found if user is not None]

    def mark_written(self, written: dict[str, int]) -> None:
        """Note that the live view holds these users' events up to these positions of the log."""
        with self._database.writing(durable=False) as connection:
            connection.executemany(
                "DELETE FROM unwritten WHERE user_id = ? AND recorded_at_us <= ?", written.items()
            )

    def mark_unwritten_since(self, recorded_after_us: int) -> int:
        """Note every user with an event recorded later as unwritten; return how many they are."""
        with self._database.writing(durable=False) as connection:
            newest = connection.execute(
                f"SELECT user_id, MAX(recorded_at_us) FROM ({EVERYTHING}) WHERE recorded_at_us > ?"
                " GROUP BY user_id",
                (recorded_after_us,),
            ).fetchall()
            _note_unwritten(connection, newest)
        return len(newest)

    def read(self, recorded_after_us: int, limit: int) -> list[RecordedEvent]:
        """Return up to ``limit`` events recorded after a position of the log, in their order."""
        query = (
            f"SELECT {EVENT_COLUMNS}, recorded_at_us FROM events WHERE recorded_at_us > ?"
            " ORDER BY recorded_at_us LIMIT ?"
        )
        rows = self._database.connection().execute(query, (recorded_after_us, limit))
        return [RecordedEvent(ItemEvent(*row[:-1]), row[-1]) for row in rows]

    def forget(self, user_id: str, until_us: int) -> int:
        """Remove every event of a user, their bytes too; return how many there were.

        Events up to ``until_us`` are not taken from now on, what the user does later is.
        """
        with self._database.writing(durable=True) as connection:
            removed = connection.execute("DELETE FROM events WHERE user_id = ?", (user_id,))
            for table in ("unwritten", "choices"):
                connection.execute(f"DELETE FROM {table} WHERE user_id = ?", (user_id,))
            note_forgotten(connection, [(hash_of_user(user_id), until_us)])
            count = removed.rowcount
        self._database.erase_removed()
        return count

    def drop(self, event_ids: Iterable[str]) -> list[ItemEvent]:
        """Remove single events, their bytes too; return those that were there.

        Their users are noted as unwritten, under a new position of the log, so that the live view
        takes the shorter row for the newer one.
        """
        dropped = []
        query = f"DELETE FROM events WHERE event_id = ? RETURNING {EVENT_COLUMNS}"
        with self._database.writing(durable=True) as connection:
            for event_id in event_ids:
                rows = connection.execute(query, (event_id,)).fetchall()
                dropped += [ItemEvent(*row) for row in rows]
            position = self._database.take_position(connection)
            _note_unwritten(connection, {event.user_id: position for event in dropped}.items())
        self._database.erase_removed()
        return dropped

    def find(self, event_ids: Iterable[str]) -> list[ItemEvent]:
        """Return those of the events that are in the log, in the order of their ids."""
        query = f"SELECT {EVENT_COLUMNS} FROM events WHERE event_id = ?"
        found = [
            self._database.connection().execute(query, (name,)).fetchone() for name in event_ids
        ]
        return [ItemEvent(*row) for row in found if row is not None]


def _insert(connection: sqlite3.Connection, event: ItemEvent, position: int) -> ReceiptStatus:
    if is_forgotten(connection, event):
        return ReceiptStatus.FORGOTTEN
    added = connection.execute(
        f"INSERT INTO events (recorded_at_us, {EVENT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (event_id) DO NOTHING",
        (position, *event),
    )
    if added.rowcount:
        return ReceiptStatus.ACCEPTED
    query = f"SELECT {EVENT_COLUMNS} FROM events WHERE event_id = ?"
    known = connection.execute(query, (event.event_id,)).fetchone()
    return ReceiptStatus.DUPLICATE if known == event else ReceiptStatus.CONFLICT


def _note_unwritten(connection: sqlite3.Connection, newest: Iterable[tuple[str, int]]) -> None:
    connection.executemany(
        "INSERT INTO unwritten (user_id, recorded_at_us) VALUES (?, ?)"
        " ON CONFLICT (user_id) DO UPDATE"
        " SET recorded_at_us = MAX(recorded_at_us, excluded.recorded_at_us)",
        newest,
    )


def _read_user(
    connection: sqlite3.Connection, user_id: str, version_query: str, count: int
) -> UserEvents | None:
    (version,) = connection.execute(version_query, (user_id,)).fetchone() or (None,)
    if version is None:
        return None
    rows = connection.execute(
        f"SELECT {EVENT_COLUMNS}, recorded_at_us FROM events WHERE user_id = ?"
        " ORDER BY time_us DESC, event_id DESC LIMIT ?",
        (user_id, count),
    )
    events = tuple(RecordedEvent(ItemEvent(*row[:-1]), row[-1]) for row in rows)
    return UserEvents(user_id, version, events, choices_of(connection, user_id))
