"""The service over a real registry and a real online store: answers, refusals, swaps, outages."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
import torch
from fastapi.testclient import TestClient

from inference.serving.app import create_app
from inference.serving.config import ServingConfig
from inference.serving.features import FeatureReader
from inference.serving.plug_in import PlugIn, keep_ours, lay_out
from inference.serving.registered import CHAMPION
from inference.serving.release_loader import ReleaseLoader
from inference.serving.release_source import ReleaseSource
from pipelines.feature_store import open_store
from pipelines.model_registry import point_alias
from pipelines.tracking import open_tracking, tracking_uri
from tests.worlds.own_recommender import make_als
from tests.worlds.serving import ITEMS_EACH, NAMES, PEOPLE, POPULAR, PublishedReleases, item_of
from training.recommender.layout import arrange_items

CONFIG = ServingConfig(poll_seconds=0.05, planned_clusters=2, max_count=20)
PATIENCE_SECONDS = 20


@pytest.fixture(autouse=True)
def tree(published: PublishedReleases, monkeypatch: pytest.MonkeyPatch) -> PublishedReleases:
    monkeypatch.chdir(published.root)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    torch.set_num_threads(1)
    return published


@contextmanager
def serve(reader: FeatureReader | None = None, plug_in: PlugIn = keep_ours) -> Iterator[TestClient]:
    reader = reader or FeatureReader(open_store, CONFIG.cached_rows)
    loader = ReleaseLoader(ReleaseSource(tracking_uri()), reader, CONFIG, plug_in)
    with TestClient(create_app(loader, reader, CONFIG)) as client:
        yield client


@pytest.fixture
def client(tree: PublishedReleases) -> Iterator[TestClient]:
    set_champion(tree.first)
    with serve() as client:
        yield client


def set_champion(version: int) -> None:
    point_alias(open_tracking(), CHAMPION, version)


def ask(client: TestClient, user: str, **query: Any) -> dict[str, Any]:
    path = f"/v1/users/{quote(user, safe='')}/recommendations"
    response = client.get(path, params=query)
    assert response.status_code == 200, response.text
    content: dict[str, Any] = response.json()
    return content


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.02)


def test_a_plan_follows_the_table_and_says_what_led_to_it(client: TestClient) -> None:
    answer = ask(client, "ann", count=4, exploration_share=0.5)
    assert answer["answered_by"] == "full"
    assert [c["description"] for c in answer["history"]] == [NAMES[1], NAMES[0]]
    # After (0, 1) the ring goes on with 2, then 3.
    assert [p["cluster_id"] for p in answer["planned"]] == [2, 3]
    assert [c["cluster_id"] for c in answer["planned"][0]["led_by"]] == [0, 1]
    novel = [item for item in answer["items"] if item["origin"] == "exploratory"]
    assert [item["cluster"]["cluster_id"] for item in novel] == [2, 3]
    assert novel[0]["led_by"] == answer["planned"][0]["led_by"]
    assert len(answer["items"]) == 4


def test_a_plugged_in_recommender_fills_both_lists(tree: PublishedReleases) -> None:
    """ALS knows people who go from cluster 0 to the last items of its ring, whatever the place."""
    walks = [[item_of(0, 0), item_of(1, 0), item_of(2, 4), item_of(3, 3)]] * 20
    others = [[item_of(4, place), item_of(5, place)] for place in range(ITEMS_EACH)] * 4
    set_champion(tree.first)
    with serve(plug_in=lambda release: make_als(walks + others, lay_out(release.clusters))) as own:
        answer = ask(own, "ann", count=4, exploration_share=0.5)
    assert answer["answered_by"] == "full"
    assert [p["cluster_id"] for p in answer["planned"]] == [2, 3]
    novel = [item["item_id"] for item in answer["items"] if item["origin"] == "exploratory"]
    assert novel == [item_of(2, 4), item_of(3, 3)]


def test_a_plugged_in_recommender_of_strange_items_is_refused(tree: PublishedReleases) -> None:
    strange = arrange_items(["i0c0", "stranger"], np.array([0, 1]), len(NAMES))
    set_champion(tree.first)
    with serve(plug_in=lambda release: make_als([["i0c0", "stranger"]], strange)) as own:
        state = own.get("/readyz")
        assert state.status_code == 503
        assert "has items of the release only" in state.text
        assert "stranger" in state.text


def test_an_item_newer_than_the_release_finds_its_interest(client: TestClient) -> None:
    new = {"item_id": "fresh", "title": "More jazz guitar"}
    answer = client.post("/v1/items/interest", json=new).json()
    assert (answer["is_new"], answer["cluster_id"], answer["description"]) == (True, 0, NAMES[0])
    known = client.post("/v1/items/interest", json={"item_id": item_of(3, 1)}).json()
    assert (known["is_new"], known["cluster_id"]) == (False, 3)
    silent = client.post("/v1/items/interest", json={"item_id": "fresh"}).json()
    assert silent["is_new"]
    assert silent["description"] in NAMES
    assert client.post("/v1/items/interest", json={"title": "no id"}).status_code == 422


@pytest.mark.parametrize("user", PEOPLE)
def test_nothing_consumed_comes_back(client: TestClient, user: str) -> None:
    answer = ask(client, user, count=20)
    items = [item["item_id"] for item in answer["items"]]
    assert len(items) == len(set(items)) == 20
    assert not set(items) & set(PEOPLE[user].items)
    assert not {p["cluster_id"] for p in answer["planned"]} & set(PEOPLE[user].consumed)


@pytest.mark.parametrize(
    ("user", "path"),
    [
        ("ann", "full"),
        ("ben", "single_cluster"),
        ("dot", "no_history"),
        ("eve", "no_plan"),
        ("nobody", "unknown_user"),
        ("cat/with slash", "full"),
        ("' OR 1=1 --", "unknown_user"),
        ("\N{SNOWMAN}", "unknown_user"),
    ],
)
def test_every_kind_of_user_has_an_answer_that_says_how_it_was_made(
    client: TestClient, user: str, path: str
) -> None:
    answer = ask(client, user, count=3)
    assert answer["answered_by"] == path
    assert answer["user_id"] == user
    assert len(answer["items"]) == 3
    if path in ("no_history", "unknown_user"):
        assert answer["items"][0]["item_id"] == POPULAR


@pytest.mark.parametrize(("share", "n_novel"), [(0.0, 0), (0.5, 2), (1.0, 4)])
def test_the_share_decides_how_many_items_are_novel(
    client: TestClient, share: float, n_novel: int
) -> None:
    answer = ask(client, "ann", count=4, exploration_share=share)
    assert [item["origin"] for item in answer["items"]].count("exploratory") == n_novel


@pytest.mark.parametrize(
    "query",
    ["count=0", "count=21", "count=x", "count=1.5", "exploration_share=-0.1",
     "exploration_share=1.1", "exploration_share=nan", "exploration_share=inf"],
)  # fmt: skip
def test_a_parameter_out_of_range_is_refused_in_one_line(client: TestClient, query: str) -> None:
    response = client.get(f"/v1/users/ann/recommendations?{query}")
    assert response.status_code == 422
    detail = response.json()["detail"]
    assert detail.startswith(query.split("=")[0])
    assert "\n" not in detail


def test_an_id_that_is_empty_or_too_long_is_refused(client: TestClient) -> None:
    assert client.get("/v1/users//recommendations").status_code == 422
    assert client.get(f"/v1/users/{'x' * 257}/recommendations").status_code == 422


def test_state_page_and_description_need_nothing_from_elsewhere(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json()["ready"] is True
    assert client.get("/v1/release").json()["n_clusters"] == len(NAMES)
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "http://" not in page.text
    assert "https://" not in page.text
    described = client.get("/openapi.json").json()["paths"]
    assert "/v1/users/{user_id}/recommendations" in described


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
