"""`dvc exp run` leaves an MLflow run in the tree it was started from, and a plain build none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from mlflow import MlflowClient

from pipelines.io import paths
from pipelines.io.tracking_address import tracking_uri
from pipelines.release.experiment_run import EXPERIMENT_TAG
from pipelines.release.tracking import EXPERIMENT
from tests.worlds.online.serving import REPOSITORY, build_tree

pytestmark = pytest.mark.long

DVC = str(Path(sys.executable).with_name("dvc"))
STAGE = {
    "cmd": f"{sys.executable} -m pipelines.stages.release",
    "params": ["clusters.levels", "serving.planned_clusters"],
    "outs": [path.as_posix() for path in (paths.RELEASE, paths.ITEM_TITLES)],
    "metrics": [{paths.metrics_of("summary").as_posix(): {"cache": False}}],
}


def call(*command: str) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    environment |= {"PYTHONPATH": str(REPOSITORY), "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_experiment_leaves_a_run_wherever_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)  # MLflow itself sets it
    monkeypatch.chdir(build_tree(tmp_path))
    # Only the last stage: what the others leave comes with the tree, as git has it.
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": {"release": STAGE}}), encoding="utf-8")
    Path("dvc.lock").unlink()
    Path(".gitignore").write_text("/var/\n__pycache__/\n", encoding="utf-8")
    call("git", "init", "-q")
    call(DVC, "init", "-q")
    call("git", "add", "-A")
    call("git", "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "a build")
    call(DVC, "repro", "-q")
    assert not paths.TRACKING_DATABASE.exists()  # publishing logs that one
    call("git", "add", "-A")
    call("git", "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "its lock")
    call(DVC, "exp", "run", "-q", "-n", "elsewhere", "--temp", "-S", "serving.planned_clusters=3")
    client = MlflowClient(tracking_uri())
    (run,) = client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])
    assert run.info.run_name == run.data.tags[EXPERIMENT_TAG] == "elsewhere"
    assert run.info.status == "FINISHED"
    assert run.data.params["serving.planned_clusters"] == "3"
    assert run.data.metrics["planner_recall_at_10"] == 0.5
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert {"params.yaml", "release.json", "metrics"} <= files
    assert {given.dataset.name for given in run.inputs.dataset_inputs} >= {"items", "interactions"}
