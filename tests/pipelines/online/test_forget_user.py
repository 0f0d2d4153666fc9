"""A forgotten person is gone from both stores and the log, stays away, and may come back anew."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from expectations.contracts.errors import UserError
from expectations.contracts.forgotten import (
    ForgottenUsers,
    add_forgotten,
    hash_of_user,
    read_forgotten,
)
from inference.events.choice import Choice, ChoiceKind
from inference.events.event import ItemEvent, ReceiptStatus
from inference.events.log import EventLog
from inference.features.online_features import FeatureReader
from inference.release.completeness import find_missing_rows
from inference.release.manifest import ReleaseManifest, read_manifest
from inference.serving.config import ServingConfig
from inference.serving.exploration.shown_clusters import open_shown
from inference.serving.exploration.shown_store import ShownInFile
from pipelines.commands import app
from pipelines.io import paths
from pipelines.lifecycle.publish import publish
from pipelines.online.drop_events import drop_events
from pipelines.online.export_events import export_events, export_log
from pipelines.online.feature_store import open_store
from pipelines.online.forget_user import forget_user
from pipelines.online.live_events import open_live_view, replay_events
from pipelines.online.online_rows import count_online_rows
from pipelines.params.params import read_params
from pipelines.release.tracking import open_tracking
from pipelines.stages import release
from tests.worlds.online.serving import PEOPLE, build_tree, likes_around_the_ring, write_plans
from tests.worlds.online.stores import STORES, another_registry, selected_store

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
        open_live_view(CONFIG).choose([Choice(GONE, "kayaks", ChoiceKind.HIDE, "i0c5")])
        yield published


def publish_as_built() -> ReleaseManifest:
    release.main(read_params())
    manifest = read_manifest(paths.RELEASE)
    publish(open_store(), open_tracking(), manifest)
    return manifest


def rows_of(user: str) -> int:
    return count_online_rows(open_store(), lambda key: key.get("user_id")).get(user, 0)


def test_forgetting_a_person(
    releases: list[ReleaseManifest],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    reader = FeatureReader(open_store)
    nobody = ForgottenUsers({})
    assert rows_of(GONE) >= 3  # of two releases, and live
    n_others = rows_of("ann")

    chosen = reader.read_people(releases[0].release_id, [GONE])[GONE].choices
    assert [choice.interest for choice in chosen] == ["kayaks"]

    shown = open_shown(5, 14.0, 10, CONFIG.shown_clusters)
    for user in (GONE, "ann"):
        shown.note(user, [1], 0)
    served = open_live_view(CONFIG)  # by a service that runs meanwhile
    app.run(["forget-user", f" {GONE} "])  # ingest strips ids too
    said = capsys.readouterr().out
    assert "2 events of the log" in said
    assert "backups" in said
    assert GONE not in said

    assert rows_of(GONE) == 0
    assert rows_of("ann") == n_others
    assert reader.read_live(GONE) == ()
    kept = ShownInFile(Path(CONFIG.shown_clusters), 10, 14.0)
    assert (kept.read(GONE), list(kept.read("ann"))) == ({}, ["1"])
    assert all(reader.read_people(r.release_id, [GONE])[GONE].choices == () for r in releases)
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
    replay_events(0, CONFIG)
    publish_as_built()
    assert rows_of(GONE) == 0
    assert len(PEOPLE) - 1 == len(reader.read_users(releases[1].release_id, list(PEOPLE)))

    # again does no harm
    app.run(["forget-user", GONE])
    assert "removed 0 online rows and 0 events" in capsys.readouterr().out

    # nor does a sender who sends again what the person did before, as senders are asked to
    sent_again = [ItemEvent("of before", GONE, "i1c1", 1_600_000_000_000_000)]
    for view in (served, open_live_view(CONFIG)):
        assert view.record(sent_again).statuses == (ReceiptStatus.FORGOTTEN,)
    assert rows_of(GONE) == 0
    assert export_log()[1] == 2  # what ann did

    # what the person does from now on counts
    open_live_view(CONFIG).record([ItemEvent("back", GONE, "i1c1", 1_900_000_000_000_000)])
    assert [r.event.event_id for r in reader.read_live(GONE)] == ["back"]


@pytest.mark.usefixtures("releases")
def test_a_person_is_forgotten_whatever_the_feature_registry_knows(
    tmp_path: Path,
) -> None:
    person = next(name for name in PEOPLE if name not in (GONE, "ann"))
    n_rows = rows_of(person)
    assert n_rows >= 2
    with another_registry(tmp_path / "lost.db"):
        assert open_store().list_feature_views() == []
        removal = forget_user(open_store(), CONFIG, person, datetime.now(UTC))
    assert removal.online_rows == n_rows
    assert rows_of(person) == 0


@pytest.mark.usefixtures("releases")
def test_a_list_that_cannot_be_written_is_not_taken_for_a_store_that_is_away(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(paths, "FORGOTTEN_USERS", tmp_path)
    with pytest.raises(IsADirectoryError):
        app.run(["forget-user", "ann"])
    assert rows_of("ann") > 0


@pytest.mark.parametrize("unknown", ["nobody", "-12", "--", "--help me", "-h2", "anN"])
def test_a_person_nobody_knows_ends_in_one_line(
    releases: list[ReleaseManifest], monkeypatch: pytest.MonkeyPatch, unknown: str
) -> None:
    with pytest.raises(UserError, match="the person is known to the online store"):
        app.run(["forget-user", "--", unknown])
    assert rows_of("ann") > 0


@pytest.mark.parametrize("wrong", ["", "  ", "a\tb", "x" * 257, "null", "\ufeffann"])
def test_what_is_no_id_is_not_looked_for(
    releases: list[ReleaseManifest], monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    before = paths.FORGOTTEN_USERS.read_text() if paths.FORGOTTEN_USERS.is_file() else ""
    with pytest.raises(UserError, match="an id has 1 to 256 characters"):
        app.run(["forget-user", wrong])
    after = paths.FORGOTTEN_USERS.read_text() if paths.FORGOTTEN_USERS.is_file() else ""
    assert after == before


@pytest.mark.parametrize("person", ["-5", "--gone", "- x", "-h1"])
def test_an_id_that_begins_with_a_dash_is_forgotten(
    releases: list[ReleaseManifest], monkeypatch: pytest.MonkeyPatch, person: str
) -> None:
    event = ItemEvent(f"of {person}", person, "i0c0", 1_800_000_000_000_000)
    open_live_view(CONFIG).record([event])
    app.run(["forget-user", person])
    assert rows_of(person) == 0
    assert EventLog(Path(CONFIG.event_log)).find([event.event_id]) == []


def test_one_bad_event_is_taken_out_and_the_person_stays(
    releases: list[ReleaseManifest],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    view, log, reader = (
        open_live_view(CONFIG),
        EventLog(Path(CONFIG.event_log)),
        FeatureReader(open_store),
    )
    good = [ItemEvent(f"fay {n}", "fay", "i0c0", 1_800_000_000_000_000 + n) for n in (1, 2)]
    bad = [
        ItemEvent("-1970", "fay", "i0c0", 1_000_000),
        ItemEvent("infinite", "gus", "i0c0", 1_800_000_000_000_000, 1e308),
    ]
    view.record([*good, *bad])
    with pytest.raises(UserError, match=r"event '-1970': timestamp 1970.*explorer drop-events"):
        export_events(log, paths.EVENT_EXPORTS)
    app.run(["drop-events", "-1970"])
    assert "dropped event '-1970': item 'i0c0' at 1970-01-01" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"event 'infinite': feedback inf"):
        export_events(log, paths.EVENT_EXPORTS)
    drop_events(CONFIG, ["infinite"])
    assert [r.event for r in reader.read_live("fay")] == good[::-1]
    assert reader.read_live("gus") == ()
    path, _ = export_events(log, paths.EVENT_EXPORTS)
    exported = pl.read_parquet(path, glob=False)["event_id"].to_list()
    assert set(exported) >= {"fay 1", "fay 2"}
    assert not {"-1970", "infinite"} & set(exported)

    # the id is free again, and what comes after is seen
    view.record([bad[0]._replace(time_us=1_800_000_000_000_003)])
    assert [r.event.event_id for r in reader.read_live("fay")] == ["-1970", "fay 2", "fay 1"]

    with pytest.raises(UserError, match=r"holds every event that is to be dropped.*'nowhere'"):
        drop_events(CONFIG, ["fay 1", "nowhere"])
    assert len(log.find(["fay 1"])) == 1


def test_the_list_says_until_when(tmp_path: Path) -> None:
    file = tmp_path / "forgotten.txt"
    assert not read_forgotten(file)
    first, later = (datetime(2024, 5, day, tzinfo=UTC) for day in (1, 2))
    add_forgotten(file, "ann", first)
    add_forgotten(file, "ben", first)
    add_forgotten(file, "ann", later)
    found = read_forgotten(file)
    assert found.cut_of("ann") == later
    assert found.among(["ben", "cat"]) == {"ben": first}
    assert found.asked_at == {hash_of_user("ann"): later, hash_of_user("ben"): first}


@pytest.mark.parametrize(
    "line",
    ["ann 2024-05-01T00:00:00+00:00", f"{'0' * 64} yesterday", f"{'0' * 64}", "jos\xe9 2024-05-01"],
)
def test_a_damaged_list_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "forgotten.txt").write_text(f"# a heading\n{line}\n", encoding="latin-1")
    with pytest.raises(UserError, match=r"forgotten\.txt, line 2: holds the SHA-256"):
        read_forgotten(tmp_path / "forgotten.txt")


def test_the_list_that_services_read_is_the_one_that_is_kept() -> None:
    assert Path(CONFIG.forgotten_users) == paths.FORGOTTEN_USERS
