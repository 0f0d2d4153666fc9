"""The same release on Redis and a PostgreSQL registry, selected by one setting."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from expectations.contracts.errors import UserError
from expectations.contracts.values import ClusterContext
from inference.features.online_features import FeatureReader
from inference.release.manifest import read_manifest
from inference.store.store_connections import StoreUnreachableError
from pipelines.io import paths
from pipelines.lifecycle.publish import publish
from pipelines.online.feature_store import open_store
from pipelines.params.params import read_params
from pipelines.release.tracking import open_tracking
from pipelines.stages import release
from tests.servers import postgres_server, redis_server
from tests.worlds.online.serving import PEOPLE, REPOSITORY, build_tree

SETTINGS = paths.FEATURE_REPO / "feature_store.production.yaml"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = build_tree(tmp_path / "tree")
    shutil.copyfile(REPOSITORY / SETTINGS, root / SETTINGS)
    monkeypatch.chdir(root)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("FEAST_FS_YAML_FILE_PATH", str(SETTINGS))
    return root


def test_a_release_is_published_and_read_back_on_redis_and_postgresql(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release.main(read_params())
    manifest = read_manifest(paths.RELEASE)
    with postgres_server(tmp_path) as registry:
        monkeypatch.setenv("FEAST_REGISTRY", registry)
        with redis_server(tmp_path) as redis:
            monkeypatch.setenv("FEAST_REDIS", redis)
            rows, _, is_new = publish(open_store(), open_tracking(), manifest)
            reader = FeatureReader(open_store)
            users = reader.read_users(manifest.release_id, [*PEOPLE, "nobody"])
            planned = reader.read_rows(manifest.release_id, [ClusterContext.of(0, 1)])
        with pytest.raises(StoreUnreachableError):
            reader.read_user(manifest.release_id, "ann")
    assert (rows.users, is_new) == (len(PEOPLE), True)
    assert list(users) == list(PEOPLE)
    assert list(users["ann"].history_clusters) == PEOPLE["ann"].history
    assert planned[ClusterContext.of(0, 1)].novel_clusters[0] == 2
    assert not (tree / "var" / "feast_online.db").exists()


def test_settings_that_are_not_there_are_named(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEAST_FS_YAML_FILE_PATH", "nowhere.yaml")
    with pytest.raises(UserError, match=r"nowhere\.yaml.*FEAST_FS_YAML_FILE_PATH"):
        open_store()
