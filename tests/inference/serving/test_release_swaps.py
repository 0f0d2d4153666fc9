"""Which release a service answers from: swaps, refusals, outages, over a real registry."""

from __future__ import annotations

import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from inference.features.online_features import FeatureReader
from inference.release.release_copies import PREPARED
from inference.release.release_source import ReleaseSource
from inference.serving.app import create_app
from inference.serving.release_loader import ReleaseLoader
from pipelines.online.feature_store import open_store
from pipelines.release.tracking import open_tracking, tracking_uri
from tests.inference.serving.asked_service import CONFIG, ask, serve, set_champion, wait_until
from tests.worlds.online.published import PublishedReleases
from tests.worlds.online.serving import POPULAR


def test_the_service_follows_the_alias_without_restart(
    tree: PublishedReleases, client: TestClient
) -> None:
    before = ask(client, "ann")
    set_champion(tree.second)
    wait_until(lambda: client.get("/readyz").json()["version"] == tree.second)
    after = ask(client, "ann")
    assert after["release_id"] != before["release_id"]
    # The second table runs around the ring the other way: 5 comes after (0, 1).
    assert after["planned"][0]["cluster_id"] == 5
    set_champion(tree.first)
    wait_until(lambda: ask(client, "ann") == before)


@pytest.mark.parametrize(
    ("bad", "reason"), [("ungated", "gate on match_rate"), ("unloaded", "table rows: 0 of")]
)
def test_an_unfit_release_is_refused_and_the_old_one_stays(
    tree: PublishedReleases, client: TestClient, bad: str, reason: str
) -> None:
    before = ask(client, "ann")
    set_champion(getattr(tree, bad))
    wait_until(lambda: reason in client.get("/readyz").json()["problem"])
    state = client.get("/readyz")
    assert (state.status_code, state.json()["version"]) == (200, tree.first)
    assert ask(client, "ann") == before
    set_champion(tree.first)
    wait_until(lambda: client.get("/readyz").json()["problem"] == "")


def test_a_service_without_a_fit_release_answers_503_and_says_why(tree: PublishedReleases) -> None:
    set_champion(tree.ungated)
    with serve() as client:
        assert client.get("/readyz").status_code == 503
        response = client.get("/v1/users/ann/recommendations")
        assert response.status_code == 503
        assert "match_rate" in response.json()["detail"]
        set_champion(tree.first)
        wait_until(lambda: client.get("/readyz").status_code == 200)


def test_an_altered_artefact_is_refused(tree: PublishedReleases, client: TestClient) -> None:
    stored = _artefact_of(tree.second) / "item_titles.parquet"
    sound = stored.read_bytes()
    stored.write_bytes(sound[:-1] + b"!")
    try:
        set_champion(tree.second)
        wait_until(lambda: "item_titles" in client.get("/readyz").json()["problem"])
        assert client.get("/readyz").json()["version"] == tree.first
    finally:
        stored.write_bytes(sound)


def test_an_unreachable_store_gives_popular_items_until_it_returns(
    tree: PublishedReleases,
) -> None:
    set_champion(tree.first)
    database = Path("var/feast_online.db")
    aside = database.with_suffix(".aside")
    loader = ReleaseLoader(ReleaseSource(tracking_uri()), FeatureReader(open_store), CONFIG)
    loader.refresh()
    reader = FeatureReader(open_store, CONFIG.cached_rows)
    shutil.move(database, aside)
    with TestClient(create_app(loader, reader, CONFIG)) as client:
        try:
            answer = ask(client, "ann", count=3)
            assert answer["answered_by"] == "store_unreachable"
            assert answer["items"][0]["item_id"] == POPULAR
        finally:
            database.unlink(missing_ok=True)
            shutil.move(aside, database)
        wait_until(lambda: ask(client, "ann")["answered_by"] == "full")


def test_swaps_leave_nothing_of_what_was_swapped_out(tree: PublishedReleases) -> None:
    """No map of it stays, and while one is loading there are two of them."""
    others, most = _mapped_releases(), 0  # services of other tests, not collected yet
    set_champion(tree.first)
    with serve() as client:
        for version in (tree.second, tree.first) * 3:
            set_champion(version)
            while client.get("/readyz").json()["version"] != version:
                most = max(most, len(_mapped_releases() - others))
                time.sleep(0.002)
            wait_until(lambda: len(_mapped_releases() - others) == 1)
            ((_, path),) = _mapped_releases() - others
            assert ask(client, "ann")["release_id"] in path
    assert most <= 2


def _mapped_releases() -> set[tuple[str, str]]:
    """The vectors of releases that this process has in its memory: inode and path of each.

    Of those mapped at one time no two share an inode; one that is unmapped gives its inode away.
    """
    lines = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
    return {(words[4], words[5]) for words in lines if len(words) > 5 and PREPARED in words[5]}


def test_no_answer_mixes_releases_while_they_are_swapped(
    tree: PublishedReleases, client: TestClient
) -> None:
    expected = {}
    for version in (tree.first, tree.second):
        set_champion(version)
        wait_until(lambda v=version: client.get("/readyz").json()["version"] == v)
        answer = ask(client, "cat/with slash")
        expected[answer["release_id"]] = answer
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for version in (tree.first, tree.second):
                set_champion(version)
                time.sleep(0.1)

    with ThreadPoolExecutor(5) as pool:
        swapper = pool.submit(swap)
        try:
            asked = [pool.submit(ask, client, "cat/with slash") for _ in range(400)]
            answers = [future.result() for future in asked]
        finally:
            stop.set()
            swapper.result()
    assert all(answer == expected[answer["release_id"]] for answer in answers)
    assert {answer["release_id"] for answer in answers} == set(expected)


def _artefact_of(version: int) -> Path:
    client = open_tracking()
    stored = client.get_model_version("interest-explorer", str(version))
    model = client.get_logged_model(stored.source.rsplit("/", 1)[-1])
    return Path(model.artifact_location.removeprefix("file://")) / "artifacts" / "release"
