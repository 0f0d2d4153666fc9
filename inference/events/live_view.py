"""Keeps the live view in step with the event log: every row follows from the log alone."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import pandas as pd
from feast import FeatureStore
from feast.data_source import PushMode
from feast.errors import FeastError
from google.protobuf.message import DecodeError

from expectations.contracts.values import LIVE_EVENTS_SOURCE
from inference.events.choice import Choice
from inference.events.event import ItemEvent, ReceiptStatus
from inference.events.live_row import to_rows
from inference.events.log import EventLog
from inference.events.user_locks import UserLocks
from inference.store.store_connections import STORE_FAILURES, StoreUnreachableError

USERS_AT_ONCE = 1_000
"""Rows that are pushed as one frame while their users' locks are held."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recording:
    """What became of the events of one request.

    Attributes:
        statuses: of each event, in their order.
        visible: the users' next requests see them; otherwise the store did not answer, and they
            will be seen when it does.
    """

    statuses: tuple[ReceiptStatus, ...]
    visible: bool


class LiveView:
    """Writes the view of live events; with the log behind it, any number of processes may.

    A row is never changed, only derived anew from the log under the user's lock. So the order in
    which events arrive does not matter, an event counts once, and after a crash or an outage the
    users that the log notes as unwritten are written again.

    Args:
        events: the log.
        locks: shared by everything that writes to the store.
        open_store: opens the feature store; called again after it failed.
        max_events: newest events of a user that a row holds.
    """

    def __init__(
        self,
        events: EventLog,
        locks: UserLocks,
        open_store: Callable[[], FeatureStore],
        max_events: int,
    ) -> None:
        self._events = events
        self._locks = locks
        self._open_store = open_store
        self._max_events = max_events
        self._store: FeatureStore | None = None
        # Feast's sqlite store shares one connection, and so one transaction, between threads.
        self._one_at_a_time = threading.Lock()

    def record(self, events: Sequence[ItemEvent]) -> Recording:
        """Record events, durably, then bring the rows of their users up to date."""
        statuses = tuple(self._events.append(events))
        # a repeated event brings its user's row up to date too, if a crash had left it behind
        users = self._events.unwritten_among(event.user_id for event in events)
        try:
            self._write(users)
        except StoreUnreachableError as error:
            log.warning("events are recorded but not yet visible: %s", error)
            return Recording(statuses, visible=False)
        return Recording(statuses, visible=True)

    def choose(self, choices: Sequence[Choice], cleared: Iterable[tuple[str, str]] = ()) -> bool:
        """Keep choices, durably; say whether the users' next requests see them.

        Args:
            choices: of any users; each replaces the one of its interest.
            cleared: user and interest of choices that go.
        """
        gone = list(cleared)
        self._events.choose(choices, gone)
        users = {choice.user_id for choice in choices} | {user for user, _ in gone}
        try:
            self._write(sorted(users))
        except StoreUnreachableError as error:
            log.warning("choices are kept but not yet visible: %s", error)
            return False
        return True

    def heal(self) -> int:
        """Write the rows of all users noted as unwritten; return how many they were.

        Raises:
            StoreUnreachableError: the store did not answer; what was written stays written.
        """
        n_users, last = 0, ""
        while users := self._events.unwritten_users(last, USERS_AT_ONCE):
            self._write(users)
            n_users += len(users)
            last = users[-1]
        return n_users

    def replay(self, recorded_after_us: int) -> int:
        """Write anew the rows of all users with an event recorded later; return their number.

        Raises:
            StoreUnreachableError: the store did not answer; :meth:`heal` goes on from there.
        """
        self._events.mark_unwritten_since(recorded_after_us)
        return self.heal()

    def follow(self, stop: threading.Event, every_seconds: float) -> None:
        """Heal at once and then every few seconds, until ``stop`` is set."""
        while True:
            try:
                healed = self.heal()
                if healed:
                    log.info("wrote the live rows of %d users that were behind the log", healed)
            except StoreUnreachableError as error:
                log.warning("live rows stay behind the log: %s", error)
            except Exception:  # a thread that dies would leave rows behind unnoticed
                log.exception("bringing live rows up to date failed; trying again")
            if stop.wait(every_seconds):
                return

    def _write(self, users: Sequence[str]) -> None:
        for start in range(0, len(users), USERS_AT_ONCE):
            piece = users[start : start + USERS_AT_ONCE]
            with self._locks.hold(piece):
                # only now: what another writer has written meanwhile is no longer unwritten
                states = self._events.read_unwritten(piece, self._max_events)
                if states:
                    self._push(to_rows(states))
                    self._events.mark_written({s.user_id: s.recorded_at_us for s in states})

    def _push(self, rows: pd.DataFrame) -> None:
        try:
            with self._one_at_a_time:
                if self._store is None:
                    self._store = self._open_store()
                self._store.push(LIVE_EVENTS_SOURCE, rows, to=PushMode.ONLINE)
        except (FeastError, DecodeError, *STORE_FAILURES) as error:
            # a registry that is lost, damaged or empty is an outage, too: the log has the events
            self._store = None
            raise StoreUnreachableError(f"{type(error).__name__}: {error}") from error
