"""Removes a person from all stores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from feast import FeatureStore

from expectations.contracts.errors import UserError
from expectations.contracts.forgotten import add_forgotten, read_forgotten
from expectations.contracts.interaction_rules import ID_RULE, is_id
from expectations.contracts.tables import INTERACTIONS, USER
from inference.events.event import to_microseconds
from inference.serving.config import ServingConfig
from inference.serving.exploration.shown_store import ShownInFile
from inference.store.store_connections import STORE_FAILURES
from pipelines.io import paths
from pipelines.io.artefact_io import scan_table
from pipelines.online.event_tables import write_live_rows
from pipelines.online.feature_store import open_store
from pipelines.online.live_events import open_event_log, open_user_locks
from pipelines.online.online_rows import EntityKey, remove_online_rows
from pipelines.params.params import read_params

ELSEWHERE = (
    "the source itself (dataset.path): remove the person there too, if it is yours",
    f"exports of the event log ({paths.EVENT_EXPORTS}): delete those that are not needed",
    "releases in MLflow: release.json names some users as probes, ids of test cases may travel "
    "along; build and publish again, then retire what is not needed with "
    "`explorer retire-releases --artefacts`",
    "the tables of earlier builds (artifacts/, the DVC cache and remote): afterwards run "
    "`explorer collect-garbage --yes`, with `--cloud` for the remote; it keeps every release that "
    "is still registered, so that restore and rollback work",
    "models: they hold no ids, but learned from the person's past until the next build",
    "machines of other services: what they remember of shown clusters (serving.shown_clusters), "
    "until it has rested",
    "backups of any of these, and freed pages of an SQLite store until they are written over",
)


@dataclass(frozen=True)
class Removal:
    """What was found of a person: removed, but for the rows of the last build's log.

    Attributes:
        online_rows: removed from the online store.
        events: removed from the event log.
        built_rows: of the last build's log; the next build leaves them out.
        was_listed: whether the person had been forgotten before.
    """

    online_rows: int
    events: int
    built_rows: int
    was_listed: bool

    @property
    def is_anybody(self) -> bool:
        """Whether there is a trace of the person anywhere."""
        return self.was_listed or self.online_rows + self.events + self.built_rows > 0


def forget_and_describe(typed_id: str) -> Iterator[str]:
    """Forget a person of this tree's stores, then say where else they may remain.

    Raises:
        UserError: it is no id, nothing is known of such a person, or the store does not answer.
    """
    user_id = typed_id.strip()  # as ingest reads it
    if not is_id(user_id):
        raise UserError("the id to forget", ID_RULE, "give it as the log does", repr(user_id)[:80])
    config = read_params().serving
    try:
        removal = forget_user(open_store(), config, user_id, datetime.now(UTC))
    except STORE_FAILURES as error:
        if isinstance(error, OSError) and error.filename:
            raise  # a file of ours: the list of the forgotten, the event log's
        rule = "the online store answers"
        remedy = "start it, then run the command again: it goes on from where it was"
        raise UserError("online store", rule, remedy, type(error).__name__) from None
    if not removal.is_anybody:
        rule = "the person is known to the online store, the event log or the last build"
        remedy = f"check the id; {paths.FORGOTTEN_USERS} has it now, nothing else was changed"
        raise UserError("the id to forget", rule, remedy, "nothing of such a person")
    yield f"removed {removal.online_rows:,} online rows and {removal.events:,} events of the log"
    yield f"{paths.FORGOTTEN_USERS} keeps the person out of the next build: commit it"
    yield "they may remain in:"
    for place in ELSEWHERE:
        yield f"  - {place}"


def forget_user(
    store: FeatureStore, config: ServingConfig, user_id: str, asked_at: datetime
) -> Removal:
    """Remove all that stores and log hold of a person; again does no harm.

    The list comes first: should the rest fail, no load and no build brings the person back.
    The live row goes under the user's lock, so that no writer with older events puts it back.
    """
    was_listed = read_forgotten(paths.FORGOTTEN_USERS).cut_of(user_id) is not None
    add_forgotten(paths.FORGOTTEN_USERS, user_id, asked_at)

    def is_theirs(key: EntityKey) -> bool:
        return key.get(USER.name) == user_id

    log = open_event_log(config)
    with open_user_locks(config).hold([user_id]):
        n_events = log.forget(user_id, to_microseconds(asked_at))
        n_rows = remove_online_rows(store, is_theirs)
    shown, policy = Path(config.shown_clusters), config.exploration
    if shown.is_file():
        ShownInFile(shown, policy.remembered_users, policy.rest_days).forget(user_id)
    write_live_rows(log, config.live_events, paths.USER_LIVE_EVENTS)
    return Removal(n_rows, n_events, _count_built_rows(user_id), was_listed)


def _count_built_rows(user_id: str) -> int:
    if not paths.INTERACTIONS.is_file():
        return 0
    rows = scan_table(paths.INTERACTIONS, INTERACTIONS).filter(pl.col("user_id") == user_id)
    return int(rows.select(pl.len()).collect().item())
