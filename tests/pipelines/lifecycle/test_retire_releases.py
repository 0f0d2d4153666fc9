"""Old releases lose their online rows; what is served, or may be, never does."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from expectations.contracts.forgotten import ForgottenUsers
from inference.features.online_features import FeatureReader
from inference.release.completeness import find_missing_rows
from inference.release.manifest import ReleaseManifest
from inference.release.registered import (
    BASE_LANGUAGE_MODEL,
    CHAMPION,
    PLANNER_MODEL,
    RECOMMENDER_MODEL,
    RELEASE_MODEL,
)
from inference.release.release_source import ReleaseSource
from pipelines.commands import app
from pipelines.io import paths
from pipelines.lifecycle.publish import publish
from pipelines.online.feature_store import open_store
from pipelines.online.online_rows import count_online_rows
from pipelines.online.online_store import FeatureFiles, write_release_rows
from pipelines.params.retention import RetentionConfig
from pipelines.release.model_registry import find_release, point_alias
from pipelines.release.promotion import Promotion
from pipelines.release.retention import KnownRelease, reasons_to_keep
from pipelines.release.tracking import open_tracking, tracking_uri
from tests.servers import postgres_server, redis_server
from tests.worlds.online.serving import REPOSITORY, build_tree, write_planner
from tests.worlds.online.telling_releases import write_telling_release

PRODUCTION = paths.FEATURE_REPO / "feature_store.production.yaml"
NOW = datetime(2024, 6, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Online:
    """Four releases with rows online; the second is champion, the last challenger."""

    manifests: tuple[ReleaseManifest, ...]
    interrupted: str

    def is_whole(self, place: int) -> bool:
        return not find_missing_rows(
            FeatureReader(open_store), self.manifests[place], 50, ForgottenUsers({})
        )


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.long)])
def online(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Online]:
    root = build_tree(tmp_path / "tree")
    params = yaml.safe_load((root / "params.yaml").read_text())
    params["retention"] = {"keep_last": 1, "keep_days": 0}
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    monkeypatch.chdir(root)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with ExitStack() as servers:
        if request.param == "redis":
            shutil.copyfile(REPOSITORY / PRODUCTION, root / PRODUCTION)
            monkeypatch.setenv("FEAST_REDIS", servers.enter_context(redis_server(tmp_path)))
            registry = servers.enter_context(postgres_server(tmp_path))
            monkeypatch.setenv("FEAST_REGISTRY", registry)
            monkeypatch.setenv("FEAST_FS_YAML_FILE_PATH", str(PRODUCTION))
        client = open_tracking()
        manifests = []
        for k in range(4):
            manifests.append(write_telling_release(root, k, n_others=3))
            publish(open_store(), client, manifests[-1])
        champion = find_release(client, manifests[1].release_id)
        assert champion is not None
        point_alias(client, CHAMPION, int(champion.version))
        interrupted = "f" * 64  # its rows came, its registration never did
        files = (
            paths.USER_CLUSTER_HISTORY,
            paths.USER_ITEM_HISTORY,
            paths.NOVEL_CLUSTER_TABLE,
        )
        write_release_rows(open_store(), FeatureFiles(*files), interrupted, ForgottenUsers({}))
        yield Online(tuple(manifests), interrupted)


def run(*options: str) -> None:
    app.run(["retire-releases", *options])


def online_releases() -> set[str]:
    return set(count_online_rows(open_store(), lambda key: key.get("release_id")))


def test_only_releases_out_of_use_lose_their_rows(
    online: Online, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = [manifest.release_id for manifest in online.manifests]
    run("--dry-run")
    told = capsys.readouterr().out
    assert [f"removes {ids[0][:12]}" in told, f"removes {ids[2][:12]}" in told] == [True, True]
    assert f"keeps   {ids[1][:12]}  is champion" in told
    assert f"keeps   {ids[3][:12]}  is challenger" in told
    assert "nothing was removed" in told
    assert online_releases() == {*ids, online.interrupted}

    run()
    assert "of 2 releases" in capsys.readouterr().out
    assert online_releases() == {ids[1], ids[3], online.interrupted}
    assert [online.is_whole(place) for place in range(4)] == [False, True, False, True]

    run("--unregistered", "--artefacts")
    assert online_releases() == {ids[1], ids[3]}
    # Versions 1 and 3 had lost their rows before.
    left = open_tracking().search_model_versions(f"name = '{RELEASE_MODEL}'")
    assert sorted(int(version.version) for version in left) == [2, 4]


def versions_left() -> dict[str, list[int]]:
    client = open_tracking()
    names = (RELEASE_MODEL, PLANNER_MODEL, RECOMMENDER_MODEL, BASE_LANGUAGE_MODEL)
    found = {name: client.search_model_versions(f"name = '{name}'") for name in names}
    return {name: sorted(int(v.version) for v in versions) for name, versions in found.items()}


def test_models_that_only_retired_releases_need_go_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = build_tree(tmp_path / "tree")
    params = yaml.safe_load((root / "params.yaml").read_text())
    params["retention"] = {"keep_last": 1, "keep_days": 0}
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    monkeypatch.chdir(root)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    client = open_tracking()
    # planner 1 of base 1, planner 2 of base 2 with somebody's alias, planners 3 and 4 of base 3
    for k, (width, rank) in enumerate([(8, 2), (24, 2), (16, 4), (16, 2)]):
        write_planner(width, rank)
        publish(open_store(), client, write_telling_release(root, k, n_others=0))
    client.set_registered_model_alias(PLANNER_MODEL, "studied", "2")
    whole = [1, 2, 3, 4]
    assert versions_left() == {
        RELEASE_MODEL: whole,
        PLANNER_MODEL: whole,
        RECOMMENDER_MODEL: whole,
        BASE_LANGUAGE_MODEL: [1, 2, 3],
    }
    run("--artefacts")
    assert versions_left() == {
        RELEASE_MODEL: [4],
        PLANNER_MODEL: [2, 4],
        RECOMMENDER_MODEL: [4],
        BASE_LANGUAGE_MODEL: [2, 3],
    }
    said = capsys.readouterr().out
    assert f"took out {RELEASE_MODEL} 1, 2, 3\n" in said
    assert f"took out {PLANNER_MODEL} 1, 3\n" in said
    assert f"took out {BASE_LANGUAGE_MODEL} 1\n" in said
    with ReleaseSource(tracking_uri()).fetch(4) as fetched:  # what is left is whole
        assert fetched.manifest.release_id


def test_nothing_is_retired_before_anything_was_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(build_tree(tmp_path / "tree"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    run("--artefacts")
    assert "removed 0 rows of 0 releases" in capsys.readouterr().out


def release(version: int, *aliases: str, days_ago: float = 100) -> KnownRelease:
    return KnownRelease(version, f"r{version}", NOW - timedelta(days=days_ago), aliases)


def promotion(before: int | None, after: int, days_ago: float) -> Promotion:
    when = (NOW - timedelta(days=days_ago)).isoformat()
    return Promotion("promote", when, "ann", "", before, after, f"r{after}", ())


CONFIG = RetentionConfig(keep_last=2, keep_days=7)


def test_each_reason_keeps_its_release_and_no_other_stays() -> None:
    releases = [release(version) for version in range(1, 10)]
    releases[2] = release(3, "champion")
    releases[3] = release(4, "shadow")  # an alias of someone else's
    releases[6] = release(7, days_ago=2)
    log = [promotion(None, 1, 90), promotion(1, 2, 80), promotion(2, 5, 50), promotion(5, 3, 3)]
    kept = reasons_to_keep(releases, log, 3, NOW, CONFIG)
    assert kept == {
        "r3": "is champion",
        "r4": "is shadow",
        "r5": "is what a rollback returns to",
        "r7": "was published lately",
        "r8": "is among the last 2",
        "r9": "is among the last 2",
    }


def test_who_was_champion_until_lately_stays_for_services_that_lag() -> None:
    releases = [release(version) for version in range(1, 9)]
    log = [promotion(None, 1, 90), promotion(1, 2, 5), promotion(2, 3, 4), promotion(3, 4, 1)]
    kept = reasons_to_keep(releases, log, 4, NOW, CONFIG)
    assert kept["r1"] == kept["r2"] == "was champion lately: a service may hold it"
    assert kept["r3"] == "is what a rollback returns to"
    later = reasons_to_keep(releases, log, 4, NOW + timedelta(days=30), CONFIG)
    assert set(later) == {"r3", "r7", "r8"}


def test_two_versions_of_one_release_stay_together() -> None:
    twins = [release(1), KnownRelease(2, "r1", NOW - timedelta(days=100), ("champion",))]
    assert reasons_to_keep(twins, [], 2, NOW, RetentionConfig(keep_last=1)) == {"r1": "is champion"}
