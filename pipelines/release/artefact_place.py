"""Where MLflow keeps artefacts: beside a local database, also after their folder was moved.

MLflow writes absolute paths into its database. A tree that was moved, renamed or copied would read
from where it was, or write there; so whoever opens a local store first lets its paths follow.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from expectations.contracts.errors import ReleaseError
from pipelines.io import paths
from pipelines.io.tracking_address import SQLITE
from pipelines.release.tracking_database import is_database

ARTEFACT_ROOT = "MLFLOW_DEFAULT_ARTIFACT_ROOT"
"""The variable by which ``mlflow server`` is told the same."""

LOCATIONS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
)
"""Tables and columns of MLflow's database that hold a place below an experiment's."""


def artefact_place(uri: str) -> str | None:
    """Return where the artefacts of a new store lie: ``None`` lets a tracking server decide.

    A local database has them beside it, so that every clone that uses it finds them. For another
    database that is opened without a server MLflow would take the working directory.

    Raises:
        ReleaseError: such a database is used, and nothing says where its artefacts lie.
    """
    if uri.startswith(SQLITE):
        return str(_beside(uri))
    if not is_database(uri):
        return None
    place = os.environ.get(ARTEFACT_ROOT)
    if not place:
        rule = f"{ARTEFACT_ROOT} says where artefacts of a database without a server lie"
        remedy = "set it to a folder or bucket that everyone reaches, or use `mlflow server`"
        raise ReleaseError("MLFLOW_TRACKING_URI", rule, remedy)
    return place


def follow_move(uri: str, experiment: str) -> None:
    """Let a local database name the artefacts beside it, if those are the ones it has elsewhere.

    One transaction: it is done whole or not at all. Nothing is changed where the two are the same
    folder under two names, or where somebody keeps artefacts in another place on purpose.

    Args:
        uri: of the tracking store; only local databases are looked at.
        experiment: its name; the artefacts below its location are followed.
    """
    if not uri.startswith(SQLITE) or not Path(uri.removeprefix(SQLITE)).is_file():
        return
    here = _beside(uri)
    with closing(sqlite3.connect(uri.removeprefix(SQLITE))) as connection, connection:
        query = "SELECT artifact_location FROM experiments WHERE name = ?"
        found = connection.execute(query, (experiment,)).fetchone()
        written = str(found[0] if found else here)
        there = Path(written)
        moved = there != here and there.name == here.name and here.is_dir()
        if not moved or (there.exists() and there.samefile(here)):
            return
        for table, column in LOCATIONS:
            connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                (str(here), len(written) + 1, written, len(written) + 1, f"{written}/"),
            )


def _beside(uri: str) -> Path:
    return Path(uri.removeprefix(SQLITE)).absolute().parent / paths.TRACKED_ARTIFACTS.name
