"""The tree of a release is kept for the next build, and refused where it would overwrite."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from expectations.contracts.errors import UserError
from inference.release.release_source import ReleaseSource
from pipelines.commands import app
from pipelines.io import paths
from pipelines.io.previous_tree import hash_tree
from pipelines.lifecycle.keep_tree import keep_tree
from pipelines.release.tracking import open_tracking, tracking_uri
from tests.worlds.online.published import PublishedReleases
from training.clusters.config import ClusterConfig

TABLES = (paths.CLUSTERS.name, paths.ITEM_CLUSTERS.name)


def test_a_kept_tree_is_the_one_of_the_release_and_its_setting_is_printed(
    tree: PublishedReleases,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    open_tracking()
    source = ReleaseSource(tracking_uri())
    with source.fetch(tree.first) as fetched:
        release_id = fetched.manifest.release_id
        expected = {name: (fetched.folder / name).read_bytes() for name in TABLES}
    kept = tmp_path / "kept"
    capsys.readouterr()
    app.run(["keep-tree", str(kept), "--release", release_id])
    assert {name: (kept / name).read_bytes() for name in TABLES} == expected
    config = ClusterConfig.model_validate(yaml.safe_load(capsys.readouterr().out)["clusters"])
    assert config.previous is not None
    assert config.previous.folder == str(kept)
    assert config.previous.sha256 == hash_tree(kept)
    with pytest.raises(UserError, match="name a new folder"):
        keep_tree(source, tree.first, kept)
