"""A tree that is copied or moved takes its registry along: artefacts are found where it now is."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from inference.release.manifest import read_manifest
from inference.release.registered import CHAMPION
from inference.release.release_source import ReleaseSource
from pipelines.io import paths
from pipelines.lifecycle.publish import publish
from pipelines.online.feature_store import open_store
from pipelines.params.params import read_params
from pipelines.release.artefact_place import LOCATIONS, follow_move
from pipelines.release.model_registry import point_alias
from pipelines.release.tracking import EXPERIMENT, open_tracking, tracking_uri
from pipelines.stages import release
from tests.worlds.online.published import PublishedReleases
from tests.worlds.online.serving import likes_around_the_ring, write_plans


def places() -> list[str]:
    """Every place that the local database names, the experiment's first."""
    with closing(sqlite3.connect(paths.TRACKING_DATABASE)) as connection:
        rows = [
            connection.execute(f"SELECT {column} FROM {table}").fetchall()
            for table, column in LOCATIONS
        ]
    return [str(place) for table in rows for (place,) in table if "mlruns" not in str(place)]


def enter(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a tree as a process that starts there: MLflow leaves its address behind in one."""
    monkeypatch.chdir(root)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_a_tree_that_was_copied_and_moved_serves_and_publishes_from_where_it_is(
    published: PublishedReleases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, moved = tmp_path / "copy", tmp_path / "moved"
    shutil.copytree(published.root, copy)
    artefacts = published.root / paths.TRACKED_ARTIFACTS
    before = sorted(artefacts.rglob("*"))

    enter(copy, monkeypatch)
    point_alias(open_tracking(), CHAMPION, published.first)
    assert all(Path(place).is_relative_to(copy) for place in places())

    monkeypatch.chdir(tmp_path)
    copy.rename(moved)
    enter(moved, monkeypatch)
    open_tracking()
    assert all(Path(place).is_relative_to(moved) for place in places())
    source = ReleaseSource(tracking_uri())
    assert source.version_at(CHAMPION) == published.first
    with source.fetch(published.first) as fetched:
        assert fetched.version == published.first

    write_plans(likes_around_the_ring() * 5)
    release.main(read_params())
    _, version, is_new = publish(open_store(), open_tracking(), read_manifest(paths.RELEASE))
    assert is_new
    with source.fetch(version) as fetched:
        assert fetched.manifest == read_manifest(paths.RELEASE)
    assert not copy.exists()
    assert sorted(artefacts.rglob("*")) == before  # nothing went to where it was copied from


def test_one_folder_under_two_names_and_artefacts_kept_elsewhere_stay_as_written(
    tree: PublishedReleases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = places()
    link = tmp_path / "link"
    link.symlink_to(tree.root, target_is_directory=True)
    follow_move(f"sqlite:///{link / paths.TRACKING_DATABASE}", EXPERIMENT)
    assert places() == written

    elsewhere = tmp_path / paths.TRACKING_DATABASE.name
    shutil.copy(paths.TRACKING_DATABASE, elsewhere)
    content = elsewhere.read_bytes()
    follow_move(f"sqlite:///{elsewhere}", EXPERIMENT)  # no artefacts lie beside it
    assert elsewhere.read_bytes() == content
