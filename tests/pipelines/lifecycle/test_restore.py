"""A published release comes back bit for bit, from DVC's cache or remote, or not at all."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.request
from contextlib import chdir
from pathlib import Path

import mlflow
import pytest
import yaml

from expectations.contracts.content_hash import ContentHash, hash_content
from expectations.contracts.errors import ReleaseError, UserError
from inference.release.manifest import check_parts, read_manifest
from inference.release.registered import CHALLENGER, RELEASE_MODEL
from inference.release.release_source import ReleaseSource
from pipelines.io import paths
from pipelines.lifecycle.publish import publish
from pipelines.lifecycle.restore import Restored, find_version, restore
from pipelines.online.feature_store import open_store
from pipelines.params.params import read_params
from pipelines.release.dvc_storage import push_artefacts
from pipelines.release.release_parts import MEASURED, RELEASE_PARTS
from pipelines.release.release_record import ORIGIN_FILE, RECORD_FOLDER, check_lock
from pipelines.release.tracking import LOCK_TAG, open_tracking, tracking_uri
from pipelines.stages import release
from tests.servers import s3_server
from tests.worlds.online.serving import build_tree, likes_around_the_ring, write_plans
from tests.worlds.online.telling_releases import write_telling_release

CACHE = Path(".dvc/cache")
BUILT = (paths.ARTIFACTS, paths.METRICS)
S3_ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "tester",
    "AWS_SECRET_ACCESS_KEY": "not a secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_MAX_ATTEMPTS": "1",
}
EVERYTHING = (*BUILT, Path("dvc.lock"), Path("params.yaml"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree with a release that DVC keeps, in its cache and a remote, and that is published."""
    root = build_tree(tmp_path_factory.mktemp("restore") / "tree")
    with chdir(root), pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        release.main(read_params())
        subprocess.run(["git", "init", "-q"], check=True)
        dvc("init")
        dvc("remote", "add", "-d", "shelf", str(root.parent / "remote"))
        assert str(root.parent / "remote") in Path(".dvc/config").read_text()
        stage = {"cmd": "true", "params": ["clusters"], "outs": [str(path) for path in BUILT]}
        Path("dvc.yaml").write_text(yaml.safe_dump({"stages": {"everything": stage}}))
        dvc("commit", "--force")
        assert push_artefacts() == "shelf"
        publish(open_store(), open_tracking(), read_manifest(paths.RELEASE))
    return root


@pytest.fixture
def tree(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(built, tmp_path / "tree")
    shutil.copytree(built.parent / "remote", tmp_path / "remote")
    monkeypatch.chdir(tmp_path / "tree")
    # The registry's paths are absolute: it stays where it was made.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{built / paths.TRACKING_DATABASE}")
    config = Path(".dvc/config")
    config.write_text(config.read_text().replace(str(built.parent), str(tmp_path)))
    return tmp_path / "tree"


def dvc(*arguments: str) -> None:
    command = [sys.executable, "-m", "dvc", *arguments, "-q"]
    subprocess.run(command, check=True, capture_output=True)


def bring_back(wanted: str = CHALLENGER) -> Restored:
    client, source = open_tracking(), ReleaseSource(tracking_uri())
    return restore(source, find_version(client, source, wanted))


def hashes() -> dict[Path, ContentHash]:
    return {path: hash_content(path) for path in EVERYTHING}


def wipe() -> None:
    for path in EVERYTHING:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize("from_remote", [False, True])
def test_a_wiped_tree_gets_the_same_bytes_back(tree: Path, from_remote: bool) -> None:
    before, manifest = hashes(), read_manifest(paths.RELEASE)
    wipe()
    if from_remote:
        shutil.rmtree(CACHE)
    restored = bring_back(manifest.release_id[:12])
    assert hashes() == before
    check_parts(read_manifest(paths.RELEASE), {**RELEASE_PARTS, **MEASURED})
    assert (restored.release_id, restored.replaced) == (manifest.release_id, None)
    assert restored.origin.git_commit


@pytest.mark.long
def test_a_remote_that_speaks_s3_gives_the_same_bytes_back(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in S3_ACCOUNT.items():
        monkeypatch.setenv(name, value)
    before = hashes()
    with s3_server(tmp_path) as address:
        request = urllib.request.Request(f"{address}/releases", method="PUT")
        urllib.request.urlopen(request, timeout=30).close()
        dvc("remote", "add", "-d", "bucket", "s3://releases/explorer")
        dvc("remote", "modify", "bucket", "endpointurl", address)
        assert push_artefacts() == "bucket"
        shutil.rmtree(tmp_path / "remote")  # the folder that was the remote until now
        shutil.rmtree(CACHE)
        wipe()
        bring_back()
        assert hashes() == before
    shutil.rmtree(CACHE)
    with pytest.raises(UserError, match=r"dvc cache and remote bucket"):
        bring_back()
    with pytest.raises(UserError, match=r"dvc remote bucket: holds every artefact after a push"):
        push_artefacts()
    assert hashes() == before


def test_what_lay_in_the_tree_is_kept_aside(tree: Path) -> None:
    before = hashes()
    Path("params.yaml").write_text("runtime: {seed: 7}\n")
    write_plans(-likes_around_the_ring())
    changed = hashes()
    restored = bring_back()
    assert hashes() == before
    assert restored.replaced is not None
    with chdir(restored.replaced):
        assert hashes() == changed


def test_without_cache_and_remote_one_line_says_so_and_nothing_is_touched(tree: Path) -> None:
    before = hashes()
    shutil.rmtree(CACHE)
    shutil.rmtree(tree.parent / "remote")
    with pytest.raises(
        UserError, match=r"dvc cache and remote shelf.*2 missing, (artifacts|metrics) first"
    ):
        bring_back()
    Path(".dvc/config").write_text("")
    with pytest.raises(UserError, match=r"no remote is set"):
        bring_back()
    assert hashes() == before
    assert not list(paths.VAR.glob("restore-*"))


def test_a_push_that_leaves_something_out_is_an_error(tree: Path) -> None:
    shutil.rmtree(tree.parent / "remote")
    assert push_artefacts() == "shelf"
    shutil.rmtree(tree.parent / "remote")
    next(file for file in CACHE.rglob("*") if file.is_file() and file.suffix != ".dir").unlink()
    with pytest.raises(UserError, match=r"dvc remote shelf: holds every artefact.*missing"):
        push_artefacts()


def test_an_altered_cache_is_noticed(tree: Path) -> None:
    before = hashes()
    shutil.rmtree(tree.parent / "remote")
    for file in (f for f in CACHE.rglob("*") if f.is_file() and f.suffix != ".dir"):
        file.chmod(0o644)
        file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(UserError):
        bring_back()
    assert hashes() == before


def test_an_altered_record_is_refused(tree: Path) -> None:
    client, source = open_tracking(), ReleaseSource(tracking_uri())
    version = find_version(client, source, CHALLENGER)
    stored = client.get_logged_model(
        client.get_model_version(RELEASE_MODEL, str(version)).source.rsplit("/", 1)[-1]
    )
    location = Path(stored.artifact_location.removeprefix("file://"))
    lock = location / "artifacts" / "release" / RECORD_FOLDER / "dvc.lock"
    sound = lock.read_bytes()
    try:
        lock.write_bytes(sound + b"\n")
        with pytest.raises(ReleaseError, match=r"dvc\.lock as it was"):
            bring_back()
    finally:
        lock.write_bytes(sound)


def test_a_lock_that_does_not_name_the_release_is_not_published(tree: Path) -> None:
    write_telling_release(tree, 0, 0)
    check_lock()
    before = Path("dvc.lock").read_text()
    for text in ("schema: '2.0'\n", before.replace("md5: ", "md5: 0")):
        Path("dvc.lock").write_text(text)
        with pytest.raises(ReleaseError, match=r"dvc\.lock: names artifacts/release/release\.json"):
            check_lock()
    merged = f"<<<<<<< ours\n{before}=======\n{before}>>>>>>> theirs\n"
    for content in (b"", b"\xff\xfe", b"- a\n", b"stages: {a: {outs: [{}]}}\n", merged.encode()):
        Path("dvc.lock").write_bytes(content)
        with pytest.raises(ReleaseError, match=r"dvc\.lock: is a file of DVC's.*dvc repro"):
            check_lock()
    Path("dvc.lock").unlink()
    with pytest.raises(ReleaseError, match="found: nothing"):
        check_lock()


def test_the_entry_names_the_hash_of_the_lock_and_the_code(tree: Path) -> None:
    client, source = open_tracking(), ReleaseSource(tracking_uri())
    version = find_version(client, source, CHALLENGER)
    tags = client.get_model_version(RELEASE_MODEL, str(version)).tags
    assert tags[LOCK_TAG] == hash_content(Path("dvc.lock")).sha256
    assert tags["git_dirty"] in ("true", "false")
    with source.fetch(version) as fetched:
        origin = json.loads((fetched.folder / RECORD_FOLDER / ORIGIN_FILE).read_text())
    assert origin["files"]["dvc.lock"] == tags[LOCK_TAG]
    assert origin["git_commit"] == tags["git_commit"]


@pytest.mark.parametrize("wanted", ["champion", "", "0000", "nonsense"])
def test_a_release_that_is_not_there_is_named(tree: Path, wanted: str) -> None:
    with pytest.raises(ReleaseError, match="one release answers to"):
        bring_back(wanted)


def test_planner_and_recommender_carry_metrics_data_card_signature_and_code(tree: Path) -> None:
    client = open_tracking()
    for concern in ("planner", "recommender"):
        version = client.get_model_version(f"{RELEASE_MODEL}-{concern}", "1")
        assert version.tags[LOCK_TAG] == hash_content(Path("dvc.lock")).sha256
        assert {"git_commit", "git_dirty"} <= set(version.tags)
        info = mlflow.models.get_model_info(f"models:/{RELEASE_MODEL}-{concern}/1")
        assert info.signature is not None
        assert info.signature.inputs is not None
        model = client.get_logged_model(version.source.rsplit("/", 1)[-1])
        card = Path(model.artifact_location.removeprefix("file://")) / "artifacts/curation.json"
        assert json.loads(card.read_text())["train_transitions"] == 3
        figures = {metric.key for metric in model.metrics or ()}
        assert any(name.startswith(f"{concern}_") for name in figures), figures


def test_another_gate_report_of_the_same_parts_is_another_version(tree: Path) -> None:
    before = write_telling_release(tree, 0, 0)
    client = open_tracking()
    _, first, is_new = publish(open_store(), client, before)
    assert is_new
    content = read_manifest(paths.RELEASE).to_json()
    content["gates"][0]["figure"] = 0.98
    paths.RELEASE.write_text(json.dumps(content))
    again = read_manifest(paths.RELEASE)
    assert again.release_id == before.release_id
    _, second, is_new = publish(open_store(), client, again)
    assert (is_new, second) == (True, first + 1)
