"""Two people, two clones, one registry, one remote: a release's whole life, by typed commands."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from expectations.contracts.content_hash import hash_content
from pipelines.io import paths
from tests.house.builds.checkout import repro, run_module

pytestmark = pytest.mark.long

BUILT = (paths.ARTIFACTS, paths.METRICS)
TRAINING = ("clusters", "base_model", "planner", "recommender", "collective", "table", "alignment")


def git(clone: Path, *arguments: str) -> str:
    who = ["-c", f"user.name={clone.name}", "-c", f"user.email={clone.name}@example.org"]
    command = ["git", "-C", str(clone), *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def explorer(clone: Path, *arguments: str) -> str:
    return run_module(clone, "pipelines.commands", *arguments)


def dvc(clone: Path, *arguments: str) -> str:
    return run_module(clone, "dvc", *arguments)


def set_bound(clone: Path, section: str, key: str, value: float) -> None:
    file = clone / "params.yaml"
    params = yaml.safe_load(file.read_text())
    params.setdefault("gates", {}).setdefault(section, {})[key] = value
    file.write_text(yaml.safe_dump(params, sort_keys=True))


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where registry, stores and remote lie, in nobody's clone."""
    folder = tmp_path / "shared"
    folder.mkdir()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    monkeypatch.setenv("FEAST_FS_YAML_FILE_PATH", str(folder / "feature_store.yaml"))
    return folder


@pytest.fixture
def ann(reference: Path, shared: Path) -> Path:
    """The clone that has built; its lock is committed and everything pushed."""
    clone = shared.with_name("ann")
    shutil.copytree(reference, clone, symlinks=True)
    settings = yaml.safe_load((clone / "feature_repo" / "feature_store.yaml").read_text())
    settings["registry"]["path"] = str(shared / "feast_registry.db")
    settings["online_store"]["path"] = str(shared / "feast_online.db")
    (shared / "feature_store.yaml").write_text(yaml.safe_dump(settings))
    dvc(clone, "remote", "add", "-d", "store", str(shared / "store"))
    dvc(clone, "push", "-q")
    git(clone, "checkout", "-q", "-B", "main")
    git(clone, "add", "dvc.lock", "params.yaml", ".dvc/config")
    git(clone, "commit", "-q", "-m", "what was built")
    return clone


def test_a_release_passes_from_hand_to_hand(ann: Path, shared: Path) -> None:
    explorer(ann, "publish")
    assert "champion none -> version 1" in explorer(ann, "promote", "--who", "ann")
    built = [hash_content(ann / folder) for folder in BUILT]

    ben = shared.with_name("ben")
    subprocess.run(["git", "clone", "-q", str(ann), str(ben)], check=True)
    dvc(ben, "pull", "-q")
    assert [hash_content(ben / folder) for folder in BUILT] == built
    # A bound of promotions makes nothing stale; one of a stage reruns what judges by it.
    set_bound(ben, "promotion", "max_recall_loss", 0.03)
    assert "up to date" in repro(ben)
    set_bound(ben, "planner", "max_top1_share", 0.99)
    said = repro(ben)
    assert "Running stage 'evaluate'" in said
    assert not [stage for stage in TRAINING if f"Running stage '{stage}'" in said]
    git(ben, "switch", "-q", "-c", "bounds")
    git(ben, "add", "dvc.lock", "params.yaml")
    git(ben, "commit", "-q", "-m", "other bounds")
    assert "error" not in dvc(ben, "metrics", "diff", "origin/main").lower()
    explorer(ben, "publish")
    assert "champion version 1 -> version 2" in explorer(ben, "promote", "--who", "ben")

    (ann / "tried.bin").write_bytes(bytes(1000))
    dvc(ann, "add", "-q", "tried.bin")
    dvc(ann, "push", "-q", "tried.bin.dvc")
    for left in ("tried.bin", "tried.bin.dvc"):
        (ann / left).unlink()  # pushed, and never committed: garbage
    shutil.rmtree(ann / paths.VAR)
    git(ann, "checkout", "--", str(paths.VAR))
    undone = explorer(ann, "promote", "--rollback", "--who", "ann", "--why", "a test")
    assert "champion version 2 -> version 1" in undone
    told = explorer(ann, "collect-garbage", "--cloud", "--yes")
    assert told.count("interest-explorer version") == 2
    assert re.search(r"removed [1-9]\d* objects of the cache and [1-9]\d* of the remote", told)

    for folder in BUILT:
        shutil.rmtree(ben / folder)
    shutil.rmtree(ben / ".dvc" / "cache")
    assert "(version 1)" in explorer(ben, "restore", "--release", "champion")
    assert [hash_content(ben / folder) for folder in BUILT] == built
    assert "(version 2)" in explorer(ben, "restore", "--release", "challenger")
    assert "champion version 1 -> version 2" in explorer(ben, "promote", "--who", "ben")
