"""Opens the event log and the live view of this working tree, and replays one into the other."""

from __future__ import annotations

from pathlib import Path

from expectations.contracts.errors import UserError
from expectations.contracts.forgotten import read_forgotten
from inference.events.live_view import LiveView
from inference.events.log import EventLog
from inference.events.user_locks import UserLocks
from inference.serving.config import ServingConfig
from pipelines.io import paths
from pipelines.online.event_tables import write_live_rows
from pipelines.online.feature_store import open_store

LOCKS = "locks"


def open_event_log(config: ServingConfig) -> EventLog:
    """Return the event log without the past of forgotten people; made if there is none yet.

    Raises:
        UserError: this machine keeps no log.
    """
    if not config.event_log:
        remedy = "run it where the events are taken, or name a file"
        raise UserError("serving.event_log", "names the file of the event log", remedy, "empty")
    return EventLog(Path(config.event_log), read_forgotten(Path(config.forgotten_users)))


def open_live_view(config: ServingConfig) -> LiveView:
    """Return what records events; the log is made if there is none yet."""
    log = open_event_log(config)
    return LiveView(log, open_user_locks(config), open_store, config.live_events)


def open_user_locks(config: ServingConfig) -> UserLocks:
    """Return the locks that everything which writes live rows shares; they lie beside the log."""
    return UserLocks(Path(config.event_log).parent / LOCKS)


def replay_events(recorded_after_us: int, config: ServingConfig) -> int:
    """Write anew the live rows of all users with an event recorded later; return their number.

    The view's offline file is written anew too.

    Raises:
        StoreUnreachableError: the online store did not answer.
    """
    n_users = open_live_view(config).replay(recorded_after_us)
    log = open_event_log(config)
    write_live_rows(log, config.live_events, paths.USER_LIVE_EVENTS)
    return n_users
