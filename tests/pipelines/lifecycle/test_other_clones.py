"""What the registry knows is enough: promotions from another clone, and after all local state."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from inference.release.registered import CHAMPION, PREVIOUS
from inference.release.release_source import ReleaseSource
from pipelines.commands import app
from pipelines.io import paths
from pipelines.lifecycle.publish import publish
from pipelines.online.feature_store import open_store
from pipelines.release.promotion_history import PromotionHistory
from pipelines.release.tracking import open_tracking, tracking_uri
from tests.worlds.online.serving import build_tree
from tests.worlds.online.telling_releases import write_telling_release


@pytest.fixture
def clones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two trees of one registry and one online store, which lie in neither; only one has built."""
    shared = tmp_path / "shared"
    shared.mkdir()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{shared}/mlflow.db")
    builder, other = build_tree(tmp_path / "builder"), tmp_path / "other"
    settings = builder / paths.FEATURE_REPO / "feature_store.yaml"
    content = yaml.safe_load(settings.read_text())
    content["registry"]["path"] = str(shared / "feast_registry.db")
    content["online_store"]["path"] = str(shared / "feast_online.db")
    settings.write_text(yaml.safe_dump(content))
    shutil.copytree(builder / paths.FEATURE_REPO, other / paths.FEATURE_REPO)
    shutil.copy(builder / "params.yaml", other)
    return builder, other


def at(alias: str) -> int | None:
    return ReleaseSource(tracking_uri()).version_at(alias)


def test_promotions_and_rollbacks_need_nothing_of_the_tree_that_published(
    clones: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    builder, other = clones
    monkeypatch.chdir(builder)
    for k in (0, 1):
        manifest = write_telling_release(builder, k, n_others=3)
        publish(open_store(), open_tracking(), manifest)
        app.run(["promote", "--who", "ann"])
    shutil.rmtree(builder / paths.ARTIFACTS)
    shutil.rmtree(builder / paths.VAR)

    monkeypatch.chdir(other)
    assert not paths.VAR.exists()
    app.run(["promote", "--rollback", "--who", "ben", "--why", "from another clone"])
    assert (at(CHAMPION), at(PREVIOUS)) == (1, None)
    app.run(["promote", "--who", "ben"])
    assert (at(CHAMPION), at(PREVIOUS)) == (2, 1)

    monkeypatch.chdir(builder)
    app.run(["promote", "--rollback", "--who", "ann", "--why", "all local state is gone"])
    assert at(CHAMPION) == 1
    assert "champion version 2 -> version 1" in capsys.readouterr().out
    moves = PromotionHistory(open_tracking()).read(1)
    assert [(move.action, move.who) for move in moves] == [
        ("promote", "ann"),
        ("promote", "ann"),
        ("rollback", "ben"),
        ("promote", "ben"),
        ("rollback", "ann"),
    ]


def test_the_copies_of_two_registries_lie_apart(
    clones: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    builder, _ = clones
    monkeypatch.chdir(builder)
    manifest = write_telling_release(builder, 0, n_others=3)
    identities = []
    for name in ("one", "two"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/{name}/mlflow.db")
        publish(open_store(), open_tracking(), manifest)
        app.run(["promote"])
        identities.append(PromotionHistory(open_tracking()).identity())
    copies = sorted(paths.PROMOTIONS.iterdir())
    assert [copy.stem for copy in copies] == sorted(map(str, identities))
    assert [len(copy.read_text().splitlines()) for copy in copies] == [1, 1]
