"""Lists for several users and for a session, the plan alone, filters, look-ups."""

from __future__ import annotations

import jsonschema
import pytest
from fastapi.testclient import TestClient

from inference.serving import examples
from inference.serving.exploration.config import ExplorationPolicy
from tests.inference.serving.asked_service import CONFIG, ask, serve, set_champion
from tests.worlds.online.published import PublishedReleases
from tests.worlds.online.serving import ITEMS_EACH, NAMES, PEOPLE, POPULAR, item_of

BATCH, SESSION = "/v1/recommendations/batch", "/v1/recommendations/session"


def test_a_batch_answers_each_user_as_if_asked_alone(client: TestClient) -> None:
    users = [*PEOPLE, "nobody"]
    query = {"seed": 3, "exploration_share": 0.5, "count": 4}
    response = client.post(BATCH, params=query, json={"users": users})
    assert response.status_code == 200, response.text
    assert response.json()["answers"] == [ask(client, user, **query) for user in users]


def test_a_session_is_planned_from_what_was_liked_in_it(client: TestClient) -> None:
    liked = [item_of(1, 0), item_of(0, 0), "stranger"]
    query = {"seed": 1, "count": 4, "exploration_share": 0.5}
    answer = client.post(SESSION, params=query, json={"items": liked}).json()
    assert answer["answered_by"] == "session"
    assert answer["user_id"] is None
    assert [c["description"] for c in answer["history"]] == [NAMES[1], NAMES[0]]
    assert [p["cluster_id"] for p in answer["planned"]] == [2, 3]
    assert not {item["item_id"] for item in answer["items"]} & set(liked)
    known = ask(client, "ann", **query)
    assert answer["items"] == known["items"]  # ann liked the very same


def test_a_session_may_choose_interests_or_say_nothing(client: TestClient) -> None:
    chosen = client.post(SESSION, json={"interests": [4, 999]}).json()
    assert chosen["answered_by"] == "session"
    assert [c["cluster_id"] for c in chosen["history"]] == [4]
    assert chosen["planned"][0]["cluster_id"] == 5
    nothing = client.post(SESSION, json={}).json()
    assert nothing["answered_by"] == "unknown_user"
    assert nothing["items"][0]["item_id"] == POPULAR
    assert nothing["items"][0]["reason"] == "popular"


def test_the_plan_alone_is_that_of_the_list(client: TestClient) -> None:
    listed = ask(client, "ann")
    alone = client.get("/v1/users/ann/plan").json()
    assert alone == {name: listed[name] for name in alone}
    assert "items" not in alone


def test_an_explored_position_goes_to_another_interest_where_the_first_has_no_item(
    client: TestClient,
) -> None:
    def explored(**query: object) -> list[tuple[int, float]]:
        items = ask(client, "ann", count=4, exploration_share=0.25, **query)["items"]
        return [
            (item["cluster"]["cluster_id"], item["probability"])
            for item in items
            if item["from_list"] == "exploratory"
        ]

    assert explored() == [(2, 1.0)]
    assert explored(exclude=[item_of(2, rank) for rank in range(ITEMS_EACH)]) == [(3, 1.0)]


def test_filters_keep_to_what_was_asked_for(client: TestClient) -> None:
    usual = ask(client, "ann", count=6)
    barred = [item["item_id"] for item in usual["items"]][:3]
    rest = ask(client, "ann", count=6, exclude=barred)
    assert not {item["item_id"] for item in rest["items"]} & set(barred)
    within = ask(client, "ann", count=6, exploration_share=0.5, interest=[2, 5])
    assert {item["cluster"]["cluster_id"] for item in within["items"]} == {2, 5}
    assert {p["cluster_id"] for p in within["planned"]} <= {2, 5}
    assert ask(client, "ann", interest=[34039])["items"] == []  # the release has no such cluster
    some = ask(client, "ann", interest=[2, 34039])
    assert {item["cluster"]["cluster_id"] for item in some["items"]} == {2}
    stranger = ask(client, "nobody", interest=[2])
    assert {item["cluster"]["cluster_id"] for item in stranger["items"]} == {2}
    odd = ask(client, "ann", count=20, category=["odd"])
    assert odd["items"]
    assert {item["cluster"]["cluster_id"] % 2 for item in odd["items"]} == {1}
    assert ask(client, "ann", category=["odd", "deeper"])["items"] == []


def test_the_tree_its_clusters_and_items_can_be_looked_up(client: TestClient) -> None:
    tree = client.get("/v1/clusters").json()
    assert tree["serving_level"] == 1
    served = [node for node in tree["nodes"] if node["level"] == 1]
    assert [node["description"] for node in served] == list(NAMES)
    assert [node["parent_id"] for node in served] == [c % 2 for c in range(len(NAMES))]
    similar = client.get("/v1/clusters/2/similar", params={"count": 5}).json()
    cosines = [entry["similarity"] for entry in similar["similar"]]
    assert sorted(cosines, reverse=True) == cosines
    assert {entry["cluster"]["cluster_id"] for entry in similar["similar"]} == {0, 1, 3, 4, 5}
    item = client.get(f"/v1/items/{POPULAR}").json()
    assert (item["cluster"]["cluster_id"], item["n_positive"]) == (3, 9)
    assert item["category_path"] == ["odd"]
    for missing in ("/v1/clusters/6/similar", "/v1/items/stranger", "/v1/users/nobody/profile"):
        assert client.get(missing).status_code == 404


def test_a_user_can_be_looked_up(client: TestClient) -> None:
    told = client.get("/v1/users/cat%2Fwith%20slash/profile").json()
    person = PEOPLE["cat/with slash"]
    assert [c["cluster_id"] for c in told["history"]] == person.history
    assert [c["cluster_id"] for c in told["consumed"]] == person.consumed
    assert [item["item_id"] for item in told["recent_items"]] == person.items


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (BATCH, {"users": []}),
        (BATCH, {"users": ["u"] * 101}),
        (BATCH, {"users": ["two\nlines"]}),
        (SESSION, {"items": [1]}),
        (SESSION, {"interests": ["3"]}),
        (SESSION, {"interests": [-1]}),
        (SESSION, {"more": 1}),
    ],
)
def test_a_body_out_of_range_is_refused(
    client: TestClient, path: str, body: dict[str, object]
) -> None:
    assert client.post(path, json=body).status_code == 422


def test_examples_are_what_the_document_says(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    for example, name in (
        (examples.PLAN_EXAMPLE, "PlanAnswer"),
        (examples.LIST_EXAMPLE, "Recommendations"),
        (examples.BATCH_EXAMPLE, "RecommendationBatch"),
    ):
        schema = document | {"$ref": f"#/components/schemas/{name}"}
        jsonschema.validate(example, schema)
        named = document["components"]["schemas"][name]
        assert set(example) == set(named["properties"])


def test_a_look_from_outside_does_not_count_as_shown(tree: PublishedReleases) -> None:
    set_champion(tree.first)
    hasty = ExplorationPolicy(cluster_decay=0, item_decay=0, rest_after=1)
    with serve(config=CONFIG.model_copy(update={"exploration": hasty})) as client:

        def first(**more: str) -> int:
            answer = ask(client, "ann", count=4, exploration_share=0.25, **more)
            cluster: int = answer["planned"][0]["cluster_id"]
            return cluster

        looked = [first(shown_to="nobody") for _ in range(3)]
        shown = [first(), first()]
    assert looked == [2, 2, 2]
    assert shown[0] == 2
    assert shown[1] != 2
