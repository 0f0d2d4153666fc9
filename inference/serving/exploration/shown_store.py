"""Keeps what people were shown: in one process, or in a file for all processes of a machine."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import orjson

US_PER_DAY = 86_400_000_000
"""Microseconds."""
PRUNED_EVERY = 10_000
"""Notes of a process between two looks for people who are no longer to be remembered: a look goes
through all of them, some tens of milliseconds for a hundred thousand."""
WAIT_SECONDS = 0.1
"""For another process that writes; it takes far less than a millisecond."""
SELECT = "SELECT counts FROM shown WHERE user_id = ?"
INSERT = "INSERT OR IGNORE INTO shown VALUES (?, ?, ?)"
UPDATE = "UPDATE shown SET counts = ?, last_us = ? WHERE user_id = ? AND counts = ?"
Shown = dict[str, tuple[int, int]]
"""A cluster's name to the answers that showed it, and when the last one did, in microseconds."""

log = logging.getLogger(__name__)


class ShownStore(Protocol):
    """Where what was shown is kept; safe to use from several threads."""

    def read(self, user_id: str) -> Shown:
        """Return what a person was shown; nothing, where that is not known."""

    def change(self, user_id: str, change: Callable[[Shown], Shown], now_us: int) -> None:
        """Replace what is known of a person by what ``change`` makes of it."""


class ShownInMemory:
    """Keeps it in this process; beyond ``limit`` people those least recent are forgotten."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._of_user: OrderedDict[str, Shown] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, user_id: str) -> Shown:
        """Return what a person was shown."""
        return self._of_user.get(user_id, {})

    def change(self, user_id: str, change: Callable[[Shown], Shown], now_us: int) -> None:
        """Replace what is known of a person."""
        with self._lock:
            self._of_user[user_id] = change(self._of_user.get(user_id, {}))
            self._of_user.move_to_end(user_id)
            if len(self._of_user) > self._limit:
                self._of_user.popitem(last=False)


class ShownInFile:
    """Keeps it in an SQLite file, which all processes of a machine share, and the next service.

    A request is answered also where the file cannot be read or written, as on a full disk: then
    nothing rests, and the log says why. A file that is no database is made anew: nothing in it
    cannot be spared. So no write waits for the disk.

    Args:
        file: made if it is not there.
        limit: people who are remembered; some more, until a process looks again.
        kept_days: for how long what was shown matters.
        pruned_every: notes between two such looks.
    """

    def __init__(
        self, file: Path, limit: int, kept_days: float, pruned_every: int = PRUNED_EVERY
    ) -> None:
        self._file, self._limit, self._kept_us = file, limit, int(kept_days * US_PER_DAY)
        self._pruned_every, self._notes = pruned_every, 0
        self._last_read: tuple[str, str | None] = "", None  # a person and what stood there
        self._lock = threading.Lock()
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._connection = self._open()
        except sqlite3.DatabaseError as error:
            log.warning("%s is made anew: %s", file, error)
            for part in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm"))):
                part.unlink(missing_ok=True)
            self._connection = self._open()

    def read(self, user_id: str) -> Shown:
        """Return what a person was shown."""
        try:
            with self._lock:
                return _parse(self._find(user_id))
        except sqlite3.Error as error:
            log.warning("what was shown is not known: %s", error)
            return {}

    def change(self, user_id: str, change: Callable[[Shown], Shown], now_us: int) -> None:
        """Replace what is known of a person, unless another process has changed it since.

        What a request reads first is mostly what stands there when it notes what it showed: one
        statement then replaces it. Otherwise it is read anew.
        """
        try:
            with self._lock:
                whose, found = self._last_read
                if whose != user_id:
                    found = self._find(user_id)
                while not self._replace(user_id, found, change(_parse(found)), now_us):
                    found = self._find(user_id)
                self._prune(now_us)
        except sqlite3.Error as error:
            log.warning("what was shown is not noted: %s", error)

    def _replace(self, user_id: str, found: str | None, shown: Shown, now_us: int) -> bool:
        """Return whether what was found still stood there and is replaced."""
        counts, run = orjson.dumps(shown).decode(), self._connection.execute
        if found is None:
            done = run(INSERT, (user_id, counts, now_us))
        else:
            done = run(UPDATE, (counts, now_us, user_id, found))
        return done.rowcount == 1

    def forget(self, user_id: str) -> None:
        """Remove a person."""
        with self._lock, self._connection:
            self._connection.execute("DELETE FROM shown WHERE user_id = ?", (user_id,))

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._file, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS shown "
            "(user_id TEXT PRIMARY KEY, counts TEXT, last_us INTEGER) WITHOUT ROWID"
        )
        return connection

    def _find(self, user_id: str) -> str | None:
        row = self._connection.execute(SELECT, (user_id,)).fetchone()
        self._last_read = user_id, None if row is None else row[0]
        return self._last_read[1]

    def _prune(self, now_us: int) -> None:
        self._notes += 1
        if self._notes % self._pruned_every:
            return
        self._connection.execute(
            "DELETE FROM shown WHERE last_us < ? OR last_us <= "
            "(SELECT last_us FROM shown ORDER BY last_us DESC LIMIT 1 OFFSET ?)",
            (now_us - self._kept_us, self._limit),
        )


def _parse(counts: str | None) -> Shown:
    found = {} if counts is None else orjson.loads(counts)
    return {name: (count, last_us) for name, (count, last_us) in found.items()}
