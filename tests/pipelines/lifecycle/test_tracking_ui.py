"""MLflow's pages show the files of runs, also as the first thing done in a tree that was moved."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from inference.release.registered import RELEASE_MODEL
from pipelines.lifecycle.tracking_ui import show_tracking
from pipelines.release.tracking import open_tracking
from tests.servers import free_port, read_when_ready
from tests.worlds.online.published import PublishedReleases
from tests.worlds.online.serving import REPOSITORY


@contextmanager
def pages(root: Path) -> Iterator[str]:
    """Start the command in a tree and yield the address of its pages."""
    port = free_port()
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    environment.pop("MLFLOW_TRACKING_URI", None)
    command = [sys.executable, "-m", "pipelines.commands", "tracking-ui", "--port", str(port)]
    with (root / "pages.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=root, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def test_a_moved_tree_shows_the_files_of_its_runs_at_once(
    published: PublishedReleases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, moved = tmp_path / "copy", tmp_path / "moved"
    shutil.copytree(published.root, copy)
    monkeypatch.chdir(copy)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    version = open_tracking().get_model_version(RELEASE_MODEL, str(published.first))
    monkeypatch.chdir(tmp_path)
    copy.rename(moved)
    with pages(moved) as address:
        asked = f"{address}/api/2.0/mlflow/artifacts/list?run_id={version.run_id}"
        listed = json.loads(read_when_ready(asked))
    assert Path(listed["root_uri"]).is_relative_to(moved)
    assert listed["files"]


def test_pages_that_a_server_shows_are_named_and_not_started(
    published: PublishedReleases,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pages(published.root) as address:
        read_when_ready(address)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        show_tracking(free_port())  # would not return if it became a server
    assert capsys.readouterr().out == f"runs and models are at {address}\n"
