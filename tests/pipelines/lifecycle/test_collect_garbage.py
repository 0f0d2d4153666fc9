"""Garbage collection frees what nothing needs; whatever may be restored or returned to stays."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import pytest
import yaml

from expectations.contracts.errors import UserError
from inference.release.manifest import read_manifest
from pipelines.commands import app
from pipelines.io import paths
from pipelines.lifecycle.publish import publish
from pipelines.lifecycle.restore import restore_named
from pipelines.online.feature_store import open_store
from pipelines.params.params import read_params
from pipelines.release.dvc_storage import push_artefacts
from pipelines.release.tracking import open_tracking
from pipelines.stages import release
from tests.worlds.online.serving import REPOSITORY, build_tree, likes_around_the_ring, write_plans

CACHE = Path(".dvc/cache/files/md5")
BUILT = (paths.ARTIFACTS, paths.METRICS)


def dvc(*arguments: str) -> None:
    command = [sys.executable, "-m", "dvc", *arguments, "-q"]
    subprocess.run(command, check=True, capture_output=True)


def git(*arguments: str) -> None:
    identity = ["-c", "user.name=ann", "-c", "user.email=ann@example.org"]
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


def build(scale: int) -> str:
    """Build a release whose table is its own, let DVC keep it, and return its id."""
    write_plans(likes_around_the_ring() * scale)
    release.main(read_params())
    dvc("commit", "--force")
    return read_manifest(paths.RELEASE).release_id


def publish_built() -> None:
    push_artefacts()
    publish(open_store(), open_tracking(), read_manifest(paths.RELEASE))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A tree with six builds, and their ids.

    Two are published, the second is champion; the third is on a branch of git; two are in nothing
    but cache and remote; the last is what the tree holds.
    """
    root = build_tree(tmp_path_factory.mktemp("garbage") / "tree")
    with chdir(root), pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        shutil.copyfile(REPOSITORY / ".dvcignore", ".dvcignore")
        git("init", "-q")
        dvc("init", "--force")
        dvc("remote", "add", "-d", "shelf", "../remote")
        outs = [str(path) for path in BUILT]
        stage = {"cmd": "true", "params": ["clusters"], "outs": outs}
        Path("dvc.yaml").write_text(yaml.safe_dump({"stages": {"everything": stage}}))
        return root, build_all()


@pytest.fixture
def ids(
    built: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """Those ids; the working directory is a copy of the tree, with registry and remote."""
    root, releases = built
    shutil.copytree(root, tmp_path / "tree", symlinks=True)
    shutil.copytree(root.parent / "remote", tmp_path / "remote")
    monkeypatch.chdir(tmp_path / "tree")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return releases


def build_all() -> list[str]:
    built = []
    for scale in (1, 2):
        built.append(build(scale))
        publish_built()
        app.run(["promote"])
    built.append(build(3))
    push_artefacts()
    git("add", "dvc.lock", "dvc.yaml", "params.yaml")
    git("commit", "-q", "-m", "a build to be kept")
    for scale in (4, 5):
        built.append(build(scale))
        push_artefacts()
    built.append(build(6))
    return built


def objects(folder: Path) -> set[str]:
    return {f"{file.parent.name}{file.name}" for file in folder.glob("*/*")}


def test_what_is_registered_committed_or_in_the_tree_stays_and_the_rest_goes(
    ids: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    remote = tmp_path / "remote" / "files" / "md5"
    before, before_remote = objects(CACHE), objects(remote)
    app.run(["collect-garbage", "--cloud"])
    told = capsys.readouterr().out
    for k, release_id in enumerate(ids[:2]):
        assert f"keeps   {release_id[:12]}  interest-explorer version {k + 1}" in told
    assert "keeps   dvc.lock of ma" in told  # main or master
    assert (objects(CACHE), objects(remote)) == (before, before_remote)
    # A build's own: its table, its manifest, and the listing of artifacts/.
    assert "would remove 6 objects of the cache and 6 of the remote" in told

    app.run(["collect-garbage", "--cloud", "--yes"])
    assert "removed 6 objects of the cache and 6 of the remote" in capsys.readouterr().out
    assert len(before - objects(CACHE)) == len(before_remote - objects(remote)) == 6
    app.run(["collect-garbage", "--cloud", "--yes"])
    assert "removed 0 objects of the cache and 0 of the remote" in capsys.readouterr().out

    app.run(["promote", "--rollback"])
    assert restore_named("champion").release_id == ids[0]
    shutil.rmtree(CACHE)
    assert restore_named("challenger").release_id == ids[1], "the remote alone has it"
    git("checkout", "-f", "-q", "HEAD", "--", "dvc.lock")
    dvc("pull", "--force")
    assert read_manifest(paths.RELEASE).release_id == ids[2]


def test_a_release_out_of_the_registry_is_garbage(
    ids: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["retention"] = {"keep_last": 1, "keep_days": 0}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    open_tracking().delete_registered_model_alias("interest-explorer", "previous")
    open_tracking().delete_registered_model("interest-explorer-champions")
    app.run(["retire-releases", "--artefacts"])
    app.run(["collect-garbage", "--yes"])
    told = capsys.readouterr().out
    assert f"removes {ids[0][:12]}  from the registry" in told
    assert "removed 9 objects of the cache\n" in told
    with pytest.raises(UserError, match="one release answers to"):
        restore_named(ids[0])
    assert restore_named("champion").release_id == ids[1]


def test_without_knowing_what_a_release_needs_nothing_is_removed(
    ids: list[str], tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "remote")
    lock = yaml.safe_load(Path("dvc.lock").read_text())
    assert restore_named(ids[0]).release_id == ids[0]
    listing = yaml.safe_load(Path("dvc.lock").read_text())["stages"]["everything"]["outs"][0]
    Path("dvc.lock").write_text(yaml.safe_dump(lock))
    lost = CACHE / listing["md5"][:2] / listing["md5"][2:]
    lost.unlink()
    before = objects(CACHE)
    with pytest.raises(UserError, match=r"knows every object of what is kept") as caught:
        app.run(["collect-garbage", "--yes"])
    assert "\n" not in str(caught.value)
    assert objects(CACHE) == before


def test_without_a_remote_there_is_no_cloud(ids: list[str]) -> None:
    dvc("remote", "remove", "shelf")
    with pytest.raises(UserError, match=r"a default remote is set.*leave out --cloud"):
        app.run(["collect-garbage", "--yes", "--cloud"])
