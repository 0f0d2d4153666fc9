"""The database that an event log lies in: its schema and version, connections, transactions."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from expectations.contracts.errors import UserError

SCHEMA_VERSION = 3
"""1 had no list of forgotten people, 2 no choices; both are brought up to date when opened."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    recorded_at_us INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    time_us INTEGER NOT NULL,
    feedback REAL
) STRICT;
CREATE INDEX IF NOT EXISTS events_of_user ON events (user_id, time_us, event_id);
CREATE TABLE IF NOT EXISTS unwritten (
    user_id TEXT PRIMARY KEY,
    recorded_at_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS choices (
    user_id TEXT NOT NULL,
    interest TEXT NOT NULL,
    kind TEXT NOT NULL,
    item_id TEXT NOT NULL,
    value REAL NOT NULL,
    recorded_at_us INTEGER NOT NULL,
    PRIMARY KEY (user_id, interest)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS forgotten (
    user_sha256 TEXT PRIMARY KEY,
    until_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""
LOCK_PATIENCE_SECONDS = 30.0
"""How long a writer waits for others before it fails: far longer than a batch of events takes."""


class LogDatabase:
    """The SQLite database in the file ``path``; made if it is not there. Safe between threads.

    Raises:
        UserError: the file is not an event log, or a newer version of this project made it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._of_thread = threading.local()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._bring_up_to_date()
        except sqlite3.DatabaseError as error:
            remedy = "restore it from a backup, or name another file in serving.event_log"
            raise UserError(str(path), "is an event log", remedy, str(error)) from None

    def connection(self) -> sqlite3.Connection:
        """Return this thread's connection, which holds no transaction between calls."""
        connection: sqlite3.Connection | None = getattr(self._of_thread, "connection", None)
        if connection is None:
            connection = sqlite3.connect(
                self._path, timeout=LOCK_PATIENCE_SECONDS, isolation_level=None
            )
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA secure_delete = ON")
            self._of_thread.connection = connection
        return connection

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection within one transaction: all it reads is of one moment."""
        connection = self.connection()
        with _transaction(connection, "BEGIN"):
            yield connection

    @contextmanager
    def writing(self, *, durable: bool) -> Iterator[sqlite3.Connection]:
        """Yield the connection within one transaction, which waits for other writers.

        With ``durable`` what was written survives a crash of the machine.
        """
        connection = self.connection()
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        with _transaction(connection, "BEGIN IMMEDIATE"):
            yield connection

    def next_position(self, connection: sqlite3.Connection) -> int:
        """Return the position of the next event: now, or one after the last if that is later."""
        # SQLite keeps the largest position ever given, even if its event was forgotten since
        last = connection.execute(
            "SELECT seq FROM sqlite_sequence WHERE name = 'events'"
        ).fetchone()
        now = time.time_ns() // 1000
        return now if last is None else max(now, last[0] + 1)

    def take_position(self, connection: sqlite3.Connection) -> int:
        """Return the next position and keep it from events."""
        position = self.next_position(connection)
        moved = connection.execute(
            "UPDATE sqlite_sequence SET seq = ? WHERE name = 'events'", (position,)
        )
        if not moved.rowcount:  # no event was ever recorded
            connection.execute("INSERT INTO sqlite_sequence VALUES ('events', ?)", (position,))
        return position

    def erase_removed(self) -> None:
        """Erase what was removed: until then its bytes stand in the write-ahead file."""
        self.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _bring_up_to_date(self) -> None:
        connection = self.connection()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            rule = f"is an event log of version {SCHEMA_VERSION} or earlier"
            remedy = "use the version of this project that wrote it, or a newer one"
            raise UserError(str(self._path), rule, remedy, f"version {version}")
        connection.executescript(SCHEMA)
        if version < SCHEMA_VERSION:
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
