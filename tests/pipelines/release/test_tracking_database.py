"""The local tracking database is made whole or not at all, and a broken one ends in one line."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import mlflow.store.db.utils
import pytest
from mlflow import MlflowClient

from expectations.contracts.errors import ReleaseError
from pipelines.io.tracking_address import SQLITE, require_one_server
from pipelines.release.tracking_database import make_tracking_database, readable

MAKE = "import sys; from pipelines.release.tracking_database import make_tracking_database as m; "
KILLS = 8
MOST_SECONDS = 8.0
"""On two quiet cores imports and migrations take about as long: kills fall into both."""


def uri_of(folder: Path) -> str:
    return f"{SQLITE}{folder / 'mlflow.db'}"


def make_elsewhere(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", f"{MAKE} m(sys.argv[1])", uri_of(folder)])


def test_processes_that_start_at_once_share_one_database(tmp_path: Path) -> None:
    started = [make_elsewhere(tmp_path) for _ in range(2)]
    assert [process.wait() for process in started] == [0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]
    client = MlflowClient(tracking_uri=uri_of(tmp_path))
    client.create_experiment("first")
    make_tracking_database(uri_of(tmp_path))  # what is there is left alone
    assert client.get_experiment_by_name("first") is not None


def test_a_migration_that_was_broken_off_ends_in_one_line(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        connection.execute("CREATE TABLE _alembic_tmp_experiments (experiment_id INTEGER)")
    uri = uri_of(tmp_path)
    with pytest.raises(ReleaseError, match="move it aside") as caught, readable(uri):
        MlflowClient(tracking_uri=uri).get_experiment_by_name("any")
    assert "\n" not in str(caught.value)


def test_a_password_stays_out_of_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow.store.db.utils, "MAX_RETRY_COUNT", 1)  # it waits minutes otherwise
    uri = "postgresql://owner:secret@127.0.0.1:1/runs"
    with pytest.raises(ReleaseError, match="MLFLOW_TRACKING_URI") as caught, readable(uri):
        MlflowClient(tracking_uri=uri).get_experiment_by_name("any")
    assert "secret" not in str(caught.value)


def test_a_registry_apart_from_the_runs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = uri_of(Path("here"))
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", runs)  # as MLflow itself sets it
    require_one_server(runs)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "postgresql://owner:secret@elsewhere/models")
    with pytest.raises(ReleaseError, match="unset MLFLOW_REGISTRY_URI") as caught:
        require_one_server(runs)
    assert "secret" not in str(caught.value)


@pytest.mark.long
def test_kills_at_any_moment_of_making_it_leave_nothing_that_stays_broken(tmp_path: Path) -> None:
    draw = random.Random(0)
    for _ in range(KILLS):
        process = make_elsewhere(tmp_path)
        time.sleep(draw.uniform(0, MOST_SECONDS))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert make_elsewhere(tmp_path).wait() == 0
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]
    assert MlflowClient(tracking_uri=uri_of(tmp_path)).get_experiment_by_name("Default") is not None
