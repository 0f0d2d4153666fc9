"""A forgotten person is gone from both stores and the log, stays away, and may come back anew."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from expectations.contracts.errors import UserError
from expectations.contracts.forgotten import ForgottenUsers, hash_of_user, read_forgotten
from inference.events.event import ItemEvent
from inference.events.log import EventLog
from inference.serving.completeness import find_missing_rows
from inference.serving.config import ServingConfig
from inference.serving.features import FeatureReader
from inference.serving.manifest import ReleaseManifest, read_manifest
from pipelines import forget_user, paths
from pipelines.feature_store import open_store
from pipelines.live_events import open_live_view, replay_events
from pipelines.online_rows import count_rows
from pipelines.publish import publish
from pipelines.stages import release
from pipelines.tracking import open_tracking
from tests.worlds.serving import PEOPLE, build_tree, likes_around_the_ring, write_plans
from tests.worlds.stores import STORES, selected_store

CONFIG = ServingConfig()
GONE = "zoe"  # the last one: a probe of whether a load came to its end


@pytest.fixture(scope="module", params=STORES)
def releases(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[ReleaseManifest]]:
    """Two releases online, and live events of two people."""
    root = build_tree(tmp_path_factory.mktemp("forget") / "tree")
    with selected_store(request.param, root):
        paths.FORGOTTEN_USERS.parent.mkdir(parents=True)
        published = [publish_as_built()]
        write_plans(likes_around_the_ring().T)
        published.append(publish_as_built())
        now_us = 1_800_000_000_000_000
        events = [
            ItemEvent(f"{u} {n}", u, "i0c0", now_us + n) for u in (GONE, "ann") for n in (1, 2)
        ]
        open_live_view(CONFIG).record(events)
        yield published


def publish_as_built() -> ReleaseManifest:
    release.main()
    manifest = read_manifest(paths.RELEASE)
    publish(open_store(), open_tracking(), manifest)
    return manifest


def rows_of(user: str) -> int:
    return count_rows(open_store(), lambda key: key.get("user_id")).get(user, 0)


def test_forgetting_a_person(
    releases: list[ReleaseManifest],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    reader = FeatureReader(open_store)
    nobody = ForgottenUsers({})
    assert rows_of(GONE) >= 3  # of two releases, and live
    n_others = rows_of("ann")

    monkeypatch.setattr(sys, "argv", ["forget_user", GONE])
    forget_user.main()
    said = capsys.readouterr().out
    assert "2 events of the log" in said
    assert "backups" in said
    assert GONE not in said

    assert rows_of(GONE) == 0
    assert rows_of("ann") == n_others
    assert reader.read_live(GONE) == ()
    assert {r.event.user_id for r in EventLog(Path(CONFIG.event_log)).read(0, 10)} == {"ann"}
    for manifest in releases:
        assert reader.read_user(manifest.release_id, GONE) is None
        assert reader.read_user(manifest.release_id, "ann") is not None
        # the releases are still whole, to those who know of the list
        assert find_missing_rows(reader, manifest, 50, nobody)
        assert not find_missing_rows(reader, manifest, 50, read_forgotten(paths.FORGOTTEN_USERS))
    assert GONE not in paths.FORGOTTEN_USERS.read_text()
    assert GONE.encode() not in paths.USER_LIVE_EVENTS.read_bytes()

    # neither a replay nor loading the same release again brings the person back
    replay_events(0)
    publish_as_built()
    assert rows_of(GONE) == 0
    assert len(PEOPLE) - 1 == len(reader.read_users(releases[1].release_id, list(PEOPLE)))

    # again does no harm
    forget_user.main()
    assert "removed 0 online rows and 0 events" in capsys.readouterr().out

    # what the person does from now on counts
    open_live_view(CONFIG).record([ItemEvent("back", GONE, "i1c1", 1_900_000_000_000_000)])
    assert [r.event.event_id for r in reader.read_live(GONE)] == ["back"]


def test_the_list_says_until_when(tmp_path: Path) -> None:
    file = tmp_path / "forgotten.txt"
    assert not read_forgotten(file)
    first, later = (datetime(2024, 5, day, tzinfo=UTC) for day in (1, 2))
    forget_user.add_forgotten(file, "ann", first)
    forget_user.add_forgotten(file, "ben", first)
    forget_user.add_forgotten(file, "ann", later)
    found = read_forgotten(file)
    assert found.cut_of("ann") == later
    assert found.among(["ben", "cat"]) == {"ben": first}
    assert found.asked_at == {hash_of_user("ann"): later, hash_of_user("ben"): first}


@pytest.mark.parametrize(
    "line", ["ann 2024-05-01T00:00:00+00:00", f"{'0' * 64} yesterday", f"{'0' * 64}"]
)
def test_a_damaged_list_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "forgotten.txt").write_text(f"# a heading\n{line}\n")
    with pytest.raises(UserError, match=r"forgotten\.txt, line 2: holds the SHA-256"):
        read_forgotten(tmp_path / "forgotten.txt")


def test_the_list_that_services_read_is_the_one_that_is_kept() -> None:
    assert Path(CONFIG.forgotten_users) == paths.FORGOTTEN_USERS
