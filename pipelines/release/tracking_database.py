"""MLflow's local database: made whole or not at all, and a broken one said to be so."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.db.db_types import DATABASE_ENGINES
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from expectations.contracts.errors import ReleaseError
from pipelines.io.failures import no_room
from pipelines.io.processes import is_running
from pipelines.io.tracking_address import SQLITE

MAX_REASON = 160
"""Characters of a library's error that still make one line."""


def make_tracking_database(uri: str) -> None:
    """Make the database of a local tracking store where there is none; others are left alone.

    MLflow's migrations are no transaction: a process that is killed between two of them leaves
    tables that no later start gets past. So they run on a file of another name, which takes its
    own name once it is whole. Of several processes that do so at once the first one counts.
    """
    if not uri.startswith(SQLITE):
        return
    file = Path(uri.removeprefix(SQLITE))
    if file.is_file() and file.stat().st_size > 0:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f"{file.name}.{os.getpid()}.partial")
    partial.unlink(missing_ok=True)
    MlflowClient(tracking_uri=f"{SQLITE}{partial}").search_experiments(max_results=1)
    if file.is_file() and file.stat().st_size == 0:
        file.unlink()  # what an SQLite that was killed at its first statement leaves
    with suppress(FileExistsError):
        os.link(partial, file)  # fails where another process was first, which a rename does not
    for left in file.parent.glob(f"{file.name}.*.partial*"):
        maker = int(left.name.removeprefix(f"{file.name}.").split(".")[0])
        if maker == os.getpid() or not is_running(maker):
            left.unlink(missing_ok=True)


@contextmanager
def readable(uri: str) -> Iterator[None]:
    """Turn what MLflow raises on a store that it cannot read into one line.

    Raises:
        ReleaseError: the store is broken, of another version of MLflow, or away. An error that a
            full disk lies behind is raised as it is.
    """
    try:
        yield
    except (MlflowException, SQLAlchemyError, sqlite3.Error) as error:
        if no_room(error):
            raise
        rule = "is a tracking store that this version of MLflow can read"
        reason = " ".join(str(error).split())[:MAX_REASON]
        raise ReleaseError(without_password(uri), rule, _remedy(uri), reason) from None


@contextmanager
def once() -> Iterator[None]:
    """Let it pass that what is made within is there already: another process was first."""
    try:
        yield
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def is_database(uri: str) -> bool:
    """Say whether MLflow opens this address as a database, without a server between."""
    return uri.split(":")[0].split("+")[0] in DATABASE_ENGINES


def without_password(uri: str) -> str:
    """Return an address as it may be shown."""
    return make_url(uri).render_as_string(hide_password=True)


def _remedy(uri: str) -> str:
    if uri.startswith(SQLITE):
        return (
            f"`mlflow db upgrade {uri}` where an older MLflow wrote it; else restore it from a "
            "backup, or move it aside and publish the releases again"
        )
    return "start the server, or set MLFLOW_TRACKING_URI to one that answers"
