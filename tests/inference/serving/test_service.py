"""What the service answers, over a real registry and a real online store, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
from fastapi.testclient import TestClient

from inference.features.online_features import FeatureReader
from inference.release.loaded_release import LoadedRelease
from inference.release.plug_in import layout_of_release
from inference.release.release_source import ReleaseSource
from inference.serving.exploration.config import ExplorationPolicy
from inference.serving.recommend import make_recommendations
from inference.serving.release_loader import ReleaseLoader
from inference.serving.request import RecommendationRequest
from pipelines.online.feature_store import open_store
from pipelines.release.tracking import tracking_uri
from tests.inference.serving.asked_service import CONFIG, ask, serve, set_champion
from tests.worlds.alignment import prefer
from tests.worlds.online.own_recommender import make_als
from tests.worlds.online.published import PublishedReleases
from tests.worlds.online.serving import ITEMS_EACH, NAMES, PEOPLE, POPULAR, item_of
from training.recommender.data.layout import arrange_items
from training.recommender.protocol import Recommender, ScoredItem


def test_a_plan_follows_the_table_and_says_what_led_to_it(client: TestClient) -> None:
    answer = ask(client, "ann", count=4, exploration_share=0.5)
    assert answer["answered_by"] == "full"
    assert [c["description"] for c in answer["history"]] == [NAMES[1], NAMES[0]]
    # After (0, 1) the ring goes on with 2, then 3.
    assert [p["cluster_id"] for p in answer["planned"]] == [2, 3]
    assert [c["cluster_id"] for c in answer["planned"][0]["led_by"]] == [0, 1]
    novel = [item for item in answer["items"] if item["from_list"] == "exploratory"]
    assert [item["cluster"]["cluster_id"] for item in novel] == [2, 3]
    assert novel[0]["led_by"] == answer["planned"][0]["led_by"]
    assert len(answer["items"]) == 4


def test_an_answer_says_how_far_each_interest_is_and_a_request_may_ask_for_far_ones(
    client: TestClient,
) -> None:
    # Two fields: the even clusters and the odd ones. After 4 the ring goes on with 5, then 0.
    usual = ask(client, "ben", count=4, exploration_share=0.5)
    assert [p["cluster_id"] for p in usual["planned"]] == [5, 0]
    apart = ["new_field", "adjacent"]
    assert [p["distance"] for p in usual["planned"]] == apart
    novel = [item for item in usual["items"] if item["from_list"] == "exploratory"]
    assert [item["distance"] for item in novel] == apart
    known = [item for item in usual["items"] if item["cluster"]["cluster_id"] == 4]
    assert {item["distance"] for item in known} <= {None}
    far = ask(client, "ben", novelty="new_field")
    assert [p["cluster_id"] for p in far["planned"]] == [5, 1]
    near = ask(client, "ben", mix="1:0:0")
    assert [p["cluster_id"] for p in near["planned"]] == [0, 2]
    assert ask(client, "ben", mix="by_score")["planned"] == usual["planned"]
    stranger = ask(client, "nobody", count=3)
    assert [item["distance"] for item in stranger["items"]] == [None] * 3


@pytest.mark.parametrize("query", [{"mix": "0:0:0"}, {"mix": "1:2"}, {"novelty": "new_planet"}])
def test_a_distance_that_there_is_not_is_refused(client: TestClient, query: dict[str, str]) -> None:
    response = client.get("/v1/users/ann/recommendations", params=query)
    assert response.status_code == 422
    assert next(iter(query)) in response.json()["detail"]


def test_the_plan_is_aligned_before_it_is_cut(tree: PublishedReleases) -> None:
    set_champion(tree.first)
    reader = FeatureReader(open_store)
    loader = ReleaseLoader(ReleaseSource(tracking_uri()), reader, CONFIG)
    loader.refresh()
    release = loader.status.release
    assert release is not None
    request = RecommendationRequest(
        "ann", count=4, exploration_share=0.5, planned_clusters=2, seed=0
    )
    aligned = replace(release, alignment=prefer(5, len(NAMES)))
    planned = [make_recommendations(each, reader, request).planned for each in (release, aligned)]
    assert [cluster.cluster_id for cluster in planned[0]] == [2, 3]
    assert [cluster.cluster_id for cluster in planned[1]] == [5, 2]
    plain = replace(aligned, plan=aligned.plan.model_copy(update={"best_of": 1}))
    assert make_recommendations(plain, reader, request).planned == planned[0]


def test_a_plugged_in_recommender_fills_both_lists(tree: PublishedReleases) -> None:
    """ALS knows people who go from cluster 0 to the last items of its ring, whatever the place."""
    walks = [[item_of(0, 0), item_of(1, 0), item_of(2, 4), item_of(3, 3)]] * 20
    others = [[item_of(4, place), item_of(5, place)] for place in range(ITEMS_EACH)] * 4
    set_champion(tree.first)
    with serve(
        plug_in=lambda release: make_als(walks + others, layout_of_release(release.clusters))
    ) as own:
        answer = ask(own, "ann", count=4, exploration_share=0.5)
    assert answer["answered_by"] == "full"
    assert [p["cluster_id"] for p in answer["planned"]] == [2, 3]
    novel = [item["item_id"] for item in answer["items"] if item["from_list"] == "exploratory"]
    assert novel == [item_of(2, 4), item_of(3, 3)]


def test_a_plugged_in_recommender_of_strange_items_is_refused(tree: PublishedReleases) -> None:
    strange = arrange_items(["i0c0", "stranger"], np.array([0, 1]), len(NAMES))
    set_champion(tree.first)
    with serve(plug_in=lambda release: make_als([["i0c0", "stranger"]], strange)) as own:
        state = own.get("/readyz")
        assert state.status_code == 503
        assert "has items of the release only" in state.text
        assert "stranger" in state.text


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"top_items": lambda self, *_: [ScoredItem("i1c1", 1, float("nan"))]}, "finite scores"),
        ({"top_items": lambda self, items, *_: [ScoredItem(items[0], 0, 1.0)]}, "no excluded item"),
        ({"top_items": lambda self, *_: [ScoredItem("nowhere", 0, 1.0)]}, "of the catalogue"),
        ({"item_ids": ("i0c0", "i0c0")}, "every item stands there once"),
        ({"top_items": None}, "item_ids and top_items"),
    ],
)
def test_a_plugged_in_recommender_that_answers_nonsense_is_refused_before_it_serves(
    tree: PublishedReleases, wrong: dict[str, Any], line: str
) -> None:
    def plug_in(release: LoadedRelease) -> Recommender:
        ours = release.recommender
        methods: dict[str, Any] = {
            "item_ids": ours.item_ids,
            "top_items": lambda _, *asked: ours.top_items(*asked),
        }
        return cast(Recommender, type("Own", (), methods | wrong)())

    set_champion(tree.first)
    with serve(plug_in=plug_in) as own:
        state = own.get("/readyz")
        assert state.status_code == 503
        assert line in state.text


def test_an_item_newer_than_the_release_finds_its_interest(client: TestClient) -> None:
    new = {"item_id": "fresh", "title": "More jazz guitar"}
    answer = client.post("/v1/items/interest", json=new).json()
    assert (answer["is_new"], answer["cluster_id"], answer["description"]) == (True, 0, NAMES[0])
    known = client.post("/v1/items/interest", json={"item_id": item_of(3, 1)}).json()
    assert (known["is_new"], known["cluster_id"]) == (False, 3)
    silent = client.post("/v1/items/interest", json={"item_id": "fresh"}).json()
    assert (silent["is_new"], silent["is_assigned"]) == (True, False)
    assert (silent["cluster_id"], silent["description"], silent["similarity"]) == (None,) * 3
    assert answer["is_assigned"]
    assert 0 < answer["margin"] <= answer["similarity"] + 1
    for wrong in ("", " fresh", "NULL", "a\tb", "x" * 257):
        refused = client.post("/v1/items/interest", json={"item_id": wrong, "title": "jazz"})
        assert refused.status_code == 422
        assert refused.json()["detail"].startswith("item_id")
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
    assert [item["from_list"] for item in answer["items"]].count("exploratory") == n_novel


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


def test_every_item_says_whether_its_interest_is_new_to_the_person(client: TestClient) -> None:
    answer = ask(client, "ann", count=20, exploration_share=0.2)
    known = set(PEOPLE["ann"].consumed)
    assert [item["is_novel"] for item in answer["items"]] == [
        item["cluster"]["cluster_id"] not in known for item in answer["items"]
    ]
    led_by = {p["cluster_id"]: p["led_by"] for p in answer["planned"]}
    ordinary = [item for item in answer["items"] if item["from_list"] == "ordinary"]
    assert any(item["is_novel"] for item in ordinary)
    for item in answer["items"]:
        assert item["led_by"] == led_by.get(item["cluster"]["cluster_id"], [])
        assert (item["probability"] is None) == (item["from_list"] == "ordinary")


def test_each_answer_shows_other_novel_items_and_a_seed_repeats_one(
    tree: PublishedReleases,
) -> None:
    set_champion(tree.first)
    drawing = CONFIG.model_copy(update={"exploration": ExplorationPolicy(remembered_users=0)})
    with serve(config=drawing) as client:
        answers = [ask(client, "ann", count=5, seed=seed) for seed in range(12)]
        again = [ask(client, "ann", count=5, seed=answer["seed"]) for answer in answers]
    assert answers == again
    novel = {
        item["item_id"]
        for answer in answers
        for item in answer["items"]
        if item["from_list"] == "exploratory"
    }
    # at every seed one of five is explored: 2 clusters of 5 items, drawn twelve times
    assert len(novel) > 3
