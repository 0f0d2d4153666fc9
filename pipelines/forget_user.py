"""`python -m pipelines.forget_user ID`: removes a person from stores, log and the next build."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from feast import FeatureStore

from expectations.contracts.errors import UserError
from expectations.contracts.forgotten import add_forgotten
from expectations.contracts.tables import USER
from inference.events.log import EventLog
from inference.serving.config import ServingConfig
from inference.serving.store_connections import STORE_FAILURES
from pipelines import paths
from pipelines.command import run_command
from pipelines.event_tables import write_live_rows
from pipelines.feature_store import open_store
from pipelines.live_events import open_user_locks
from pipelines.online_rows import EntityKey, remove_rows
from pipelines.params import read_params

ELSEWHERE = (
    "the source itself (dataset.path): remove the person there too, if it is yours",
    f"exports of the event log ({paths.EVENT_EXPORTS}): delete those that are not needed",
    "the tables of earlier builds (artifacts/, the DVC cache and remote): build again, then "
    "`dvc gc --workspace`, with `--cloud` for the remote",
    "releases in MLflow: release.json names some users as probes, ids of test cases may travel "
    "along; retire what is not needed with `python -m pipelines.retire_releases --artefacts`",
    "models: they hold no ids, but learned from the person's past until the next build",
    "backups of any of these, and freed pages of an SQLite store until they are written over",
)


@dataclass(frozen=True)
class Removal:
    """What was removed of a person."""

    online_rows: int
    events: int


def main() -> None:
    """Forget a person and say where else they may remain."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.forget_user", description=__doc__)
    parser.add_argument("user_id", help="the id that events and interactions carry")
    user_id = parser.parse_args().user_id
    config = read_params("serving", ServingConfig)
    try:
        removal = forget_user(open_store(), config, user_id, datetime.now(UTC))
    except STORE_FAILURES as error:
        rule = "the online store answers"
        remedy = "start it, then run the command again: it goes on from where it was"
        raise UserError("online store", rule, remedy, type(error).__name__) from None
    print(f"removed {removal.online_rows:,} online rows and {removal.events:,} events of the log")
    print(f"{paths.FORGOTTEN_USERS} keeps the person out of the next build: commit it")
    print("they may remain in:")
    for place in ELSEWHERE:
        print(f"  - {place}")


def forget_user(
    store: FeatureStore, config: ServingConfig, user_id: str, asked_at: datetime
) -> Removal:
    """Remove all that stores and log hold of a person; again does no harm.

    The list comes first: should the rest fail, no load and no build brings the person back.
    The live row goes under the user's lock, so that no writer with older events puts it back.
    """
    add_forgotten(paths.FORGOTTEN_USERS, user_id, asked_at)

    def is_theirs(key: EntityKey) -> bool:
        return key.get(USER.name) == user_id

    log = EventLog(Path(config.event_log))
    with open_user_locks(config).hold([user_id]):
        n_events = log.forget(user_id)
        n_rows = remove_rows(store, is_theirs)
    write_live_rows(log, config.live_events, paths.USER_LIVE_EVENTS)
    return Removal(n_rows, n_events)


if __name__ == "__main__":
    run_command(main)
