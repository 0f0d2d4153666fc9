"""A release is read from the registry it is asked of, whichever one MLflow has in mind."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pytest

from inference.release.registered import CHALLENGER
from inference.release.release_source import ReleaseSource
from pipelines.io.tracking_address import tracking_uri
from pipelines.release.tracking import open_tracking
from tests.worlds.online.published import PublishedReleases


def test_the_registry_that_the_process_used_last_is_not_read(
    tree: PublishedReleases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = ReleaseSource(tracking_uri())
    newest = source.version_at(CHALLENGER)
    assert newest is not None
    monkeypatch.chdir(tmp_path)
    open_tracking()  # an empty registry, MLflow's own from here on
    assert mlflow.get_registry_uri() == tracking_uri()
    for version in (tree.first, newest):
        with source.fetch(version) as fetched:
            assert fetched.version == version
    assert ReleaseSource(tracking_uri()).version_at(CHALLENGER) is None
