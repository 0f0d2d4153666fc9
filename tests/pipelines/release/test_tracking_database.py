"""The local tracking database is made whole or not at all, and a broken one ends in one line."""

from __future__ import annotations

import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import mlflow.store.db.utils
import pytest
from mlflow import MlflowClient
from mlflow.entities.model_registry import RegisteredModel
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST

from expectations.contracts.errors import ReleaseError
from pipelines.io.tracking_address import SQLITE, require_one_server
from pipelines.release.model_registry import describe_model
from pipelines.release.tracking import EXPERIMENT, id_of_experiment, open_tracking
from pipelines.release.tracking_database import make_tracking_database, once, readable

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


def test_what_another_process_makes_meanwhile_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that look at once find nothing, and both go on to make it."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri_of(tmp_path))
    other = open_tracking()
    other.create_registered_model("of both", description="by the other")
    mine = open_tracking()
    with monkeypatch.context() as before:
        before.setattr(MlflowClient, "get_experiment_by_name", lambda *_: None)
        before.setattr(MlflowClient, "get_registered_model", _absent)
        open_tracking()
        describe_model(mine, "of both", "by this one")
    assert [e.name for e in mine.search_experiments()].count(EXPERIMENT) == 1
    assert mine.get_registered_model("of both").description == "by the other"


def test_what_cannot_be_made_for_another_reason_is_told(tmp_path: Path) -> None:
    client = MlflowClient(tracking_uri=uri_of(tmp_path))
    with pytest.raises(MlflowException, match="name"), once():
        client.create_experiment("")


def test_a_deleted_experiment_is_told_with_what_restores_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri_of(tmp_path))
    client = open_tracking()
    number = id_of_experiment(client)
    client.delete_experiment(number)
    with pytest.raises(ReleaseError, match="is active") as caught:
        id_of_experiment(open_tracking())
    (remedy,) = re.findall("`([^`]*)`", str(caught.value))
    mlflow_there = f"PATH={Path(sys.executable).parent}:$PATH {remedy}"
    subprocess.run(["bash", "-c", mlflow_there], check=True, capture_output=True, cwd=tmp_path)
    assert id_of_experiment(open_tracking()) == number


def _absent(_: MlflowClient, name: str) -> RegisteredModel:
    raise MlflowException(f"{name} not found", RESOURCE_DOES_NOT_EXIST)
