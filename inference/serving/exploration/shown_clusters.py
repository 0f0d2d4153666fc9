"""Which planned clusters a person was shown lately, and which of them therefore rest."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

import orjson

from inference.plans.combine import PlannedCluster

US_PER_DAY = 86_400_000_000
"""Microseconds."""
PRUNED_EVERY = 10_000
"""Notes of a process between two looks for people who are no longer to be remembered: a look goes
through all of them, some tens of milliseconds for a hundred thousand."""
WAIT_SECONDS = 0.1
"""For another process that writes; it takes far less than a millisecond."""
Shown = dict[str, tuple[int, int]]
"""A cluster's name to the answers that showed it, and when the last one did, in microseconds."""

log = logging.getLogger(__name__)


class ShownStore(Protocol):
    """Where what was shown is kept; safe to use from several threads."""

    def read(self, user_id: str) -> Shown:
        """Return what a person was shown; nothing, where that is not known."""

    def change(self, user_id: str, change: Callable[[Shown], Shown], now_us: int) -> None:
        """Replace what is known of a person by what ``change`` makes of it."""


class ShownClusters:
    """How often each planned cluster was shown to whom lately.

    Args:
        rest_after: answers that showed a cluster before it rests.
        rest_days: for how long it does.
        store: where it is kept.
    """

    def __init__(self, rest_after: int, rest_days: float, store: ShownStore) -> None:
        self._rest_after, self._rest_us = rest_after, rest_days * US_PER_DAY
        self._store = store

    def note(
        self, user_id: str, clusters: Iterable[int], now_us: int, name: Callable[[int], str] = str
    ) -> None:
        """Note that an answer shows items of these planned clusters.

        Args:
            user_id: whom it is for.
            clusters: of the explored items.
            now_us: the time it is, in microseconds since 1970.
            name: of a cluster, which outlives the release that its id belongs to.
        """
        shown = {name(cluster) for cluster in clusters}
        if not shown:
            return

        def count(counts: Shown) -> Shown:
            kept = {
                cluster: found
                for cluster, found in counts.items()
                if not self._is_long_ago(found[1], now_us)
            }
            return kept | {c: (kept.get(c, (0, now_us))[0] + 1, now_us) for c in sorted(shown)}

        self._store.change(user_id, count, now_us)

    def rest(
        self,
        user_id: str,
        plan: Sequence[PlannedCluster],
        now_us: int,
        name: Callable[[int], str] = str,
    ) -> tuple[PlannedCluster, ...]:
        """Return the plan with those clusters behind the others that were shown often enough."""
        resting = {
            cluster
            for cluster, (count, last_us) in self._store.read(user_id).items()
            if count >= self._rest_after and not self._is_long_ago(last_us, now_us)
        }
        if not resting:
            return tuple(plan)
        return tuple(sorted(plan, key=lambda planned: name(planned.cluster_id) in resting))

    def _is_long_ago(self, last_us: int, now_us: int) -> bool:
        return now_us - last_us > self._rest_us


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
                return self._read(user_id)
        except sqlite3.Error as error:
            log.warning("what was shown is not known: %s", error)
            return {}

    def change(self, user_id: str, change: Callable[[Shown], Shown], now_us: int) -> None:
        """Replace what is known of a person; between reading and writing no process comes."""
        try:
            with self._lock:
                self._connection.execute("BEGIN IMMEDIATE")
                with self._connection:
                    counts = orjson.dumps(change(self._read(user_id))).decode()
                    row = (user_id, counts, now_us)
                    self._connection.execute("REPLACE INTO shown VALUES (?, ?, ?)", row)
                    self._prune(now_us)
        except sqlite3.Error as error:
            log.warning("what was shown is not noted: %s", error)

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

    def _read(self, user_id: str) -> Shown:
        found = self._connection.execute("SELECT counts FROM shown WHERE user_id = ?", (user_id,))
        row = found.fetchone()
        if row is None:
            return {}
        return {name: (count, last_us) for name, (count, last_us) in orjson.loads(row[0]).items()}

    def _prune(self, now_us: int) -> None:
        self._notes += 1
        if self._notes % self._pruned_every:
            return
        self._connection.execute(
            "DELETE FROM shown WHERE last_us < ? OR last_us <= "
            "(SELECT last_us FROM shown ORDER BY last_us DESC LIMIT 1 OFFSET ?)",
            (now_us - self._kept_us, self._limit),
        )


def open_shown(
    rest_after: int, rest_days: float, remembered_users: int, file: str
) -> ShownClusters:
    """Return what remembers shown clusters.

    Args:
        rest_after: answers that showed a cluster before it rests.
        rest_days: for how long it does.
        remembered_users: people who are remembered; with none, nothing ever rests.
        file: that all processes share; empty, this one remembers for itself.
    """
    store: ShownStore = ShownInMemory(remembered_users)
    if file and remembered_users:
        store = ShownInFile(Path(file), remembered_users, rest_days)
    return ShownClusters(rest_after, rest_days, store)
