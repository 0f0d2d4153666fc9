"""Which code built something: only edits of code make it another."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pipelines.io import paths
from pipelines.lifecycle.restore import Restored, describe_restored
from pipelines.release.code_version import read_code_version
from pipelines.release.release_record import Origin

CODE = ("pipelines/stage.py", "training/model.py", "dvc.yaml", "feature_repo/feature_store.yaml")
OTHER = ("dvc.lock", "metrics/planner.json", "docs/guide.md", "params.yaml", "dvc_plots/a.html")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit of code, and the working directory in it."""
    monkeypatch.chdir(tmp_path)
    for file in CODE:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_text("a\n")
    name = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
    for arguments in (["init", "-q"], ["add", "-A"], [*name, "commit", "-q", "-m", "code"]):
        subprocess.run(["git", *arguments], check=True)
    return tmp_path


@pytest.mark.usefixtures("repository")
def test_results_settings_and_documents_are_no_edits() -> None:
    assert not read_code_version().is_dirty
    for file in (*OTHER, str(paths.FORGOTTEN_USERS)):
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_text("b\n")
    assert not read_code_version().is_dirty


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize("file", [*CODE, "inference/new.py", "pipelines/rooms/new.py"])
def test_any_edit_of_code_is_one(file: str) -> None:
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).write_text("b\n")
    assert read_code_version().is_dirty


@pytest.mark.usefixtures("repository")
def test_restoring_says_whether_the_code_is_identical() -> None:
    commit = read_code_version().commit

    def last_line(commit: str, is_dirty: bool) -> str:
        restored = Restored("a" * 64, 1, Origin(commit, is_dirty, {}), None)
        return list(describe_restored(restored))[-1]

    Path("dvc.lock").write_text("outs\n")
    assert last_line(commit, False) == f"the code here is identical: commit {commit[:12]}"
    assert "this is" in last_line("0" * 40, False)
    assert "edits that nobody kept" in last_line(commit, True)
    Path("dvc.yaml").write_text("edited\n")
    assert "has edits since" in last_line(commit, False)
