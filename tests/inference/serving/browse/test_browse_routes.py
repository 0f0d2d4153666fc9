"""The map, items by words and people by ids, over HTTP: known answers of the small world."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
from fastapi.testclient import TestClient

from expectations.contracts.forgotten import add_forgotten
from inference.serving.browse.browse_routes import ITEMS_EXAMPLE, MAP_EXAMPLE, USERS_EXAMPLE
from inference.serving.config import ServingConfig
from inference.serving.state_routes import GATES_EXAMPLE
from tests.inference.serving.asked_service import CONFIG, serve, set_champion
from tests.worlds.online.published import PublishedReleases
from tests.worlds.online.serving import NAMES, NOW, PEOPLE, POPULAR


def test_the_map_has_every_cluster_within_its_field(client: TestClient) -> None:
    answer = client.get("/v1/clusters/map").json()
    assert answer["release_id"] == client.get("/v1/release").json()["release_id"]
    fields, dots = ([c for c in answer["circles"] if c["level"] == level] for level in (0, 1))
    assert [c["name"] for c in fields] == ["theme 0", "theme 1"]
    assert [(c["cluster_id"], c["name"], c["parent_id"]) for c in dots] == [
        (cluster, name, cluster % 2) for cluster, name in enumerate(NAMES)
    ]
    for dot in dots:
        field = fields[dot["parent_id"]]
        off = ((dot["x"] - field["x"]) ** 2 + (dot["y"] - field["y"]) ** 2) ** 0.5
        assert off + dot["radius"] <= field["radius"] + 0.2
    assert client.get("/v1/clusters/map").json() == answer


def test_the_map_is_that_of_the_release_in_service(tree: PublishedReleases) -> None:
    seen = []
    for version in (tree.first, tree.second):
        set_champion(version)
        with serve() as client:
            seen.append(client.get("/v1/clusters/map").json()["release_id"])
    assert len(set(seen)) == 2


def test_items_are_found_by_all_of_their_words_the_most_liked_first(client: TestClient) -> None:
    def found(words: str, count: int = 10) -> list[str]:
        answer = client.get("/v1/items", params={"words": words, "count": count}).json()
        return [item["item_id"] for item in answer["items"]]

    chess = found("CHESS")
    assert chess[0] == POPULAR
    assert sorted(chess) == [f"i{place}c3" for place in range(5)]
    assert found("part 2 chess") == ["i2c3"]
    assert found("chess", count=2) == chess[:2]
    assert found("nothing of it") == []
    (item,) = client.get("/v1/items", params={"words": "chess 2"}).json()["items"]
    assert item == {
        "item_id": POPULAR,
        "title": "chess openings, part 2",
        "cluster_id": 3,
        "cluster_name": NAMES[3],
        "n_positive": 9,
    }


@pytest.mark.parametrize(
    "asked",
    ["/v1/items", "/v1/items?words=", "/v1/items?words=a&count=0", "/v1/items?words=a&count=51"],
)
def test_a_search_out_of_range_is_refused(client: TestClient, asked: str) -> None:
    assert client.get(asked).status_code == 422


def test_people_are_found_by_the_beginning_of_their_id(
    tree: PublishedReleases, tmp_path: Path
) -> None:
    set_champion(tree.first)
    config = ServingConfig(**{**CONFIG.model_dump(), "forgotten_users": str(tmp_path / "gone")})
    with serve(config=config) as client:

        def found(**asked: str | int) -> list[str]:
            answer: list[str] = client.get("/v1/users", params=asked).json()["users"]
            return answer

        assert found() == sorted(PEOPLE)
        assert found(begins="cat/") == ["cat/with slash"]
        assert found(begins="nn") == []
        assert found(count=2) == sorted(PEOPLE)[:2]
        add_forgotten(tmp_path / "gone", "ben", NOW)
        assert "ben" not in found()


def test_the_gates_of_the_release_are_told_with_their_figures(client: TestClient) -> None:
    answer = client.get("/v1/release/gates").json()
    (gate,) = answer["gates"]
    assert (gate["metric"], gate["figure"], gate["minimum"]) == ("match_rate", 0.99, 0.95)
    assert gate["passed"] is True
    assert client.get("/v1/release").json()["data_until"].startswith("2024-05-01T")


def test_examples_are_what_the_document_says(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    for example, name in (
        (MAP_EXAMPLE, "ClusterMapAnswer"),
        (ITEMS_EXAMPLE, "FoundItems"),
        (USERS_EXAMPLE, "FoundUsers"),
        (GATES_EXAMPLE, "GatesAnswer"),
    ):
        jsonschema.validate(example, document | {"$ref": f"#/components/schemas/{name}"})
        assert set(example) == set(document["components"]["schemas"][name]["properties"])
