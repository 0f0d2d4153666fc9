"""Features over HTTP: no release id to know, no order to keep, and nothing found is no success."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from expectations.contracts.values import contexts_of_history
from tests.inference.serving.asked_service import ask, serve, set_champion
from tests.worlds.online.published import PublishedReleases
from tests.worlds.online.serving import N_CLUSTERS, NAMES, PEOPLE


@pytest.fixture
def client(tree: PublishedReleases) -> Iterator[TestClient]:
    set_champion(tree.first)
    with serve() as client:
        yield client


def test_from_a_user_to_a_plan_without_any_key(client: TestClient) -> None:
    release_id = client.get("/v1/release").json()["release_id"]
    for user, person in PEOPLE.items():
        found = client.get(f"/v1/users/{quote(user, safe='')}/features").json()
        assert found["release_id"] == release_id
        assert [cluster["cluster_id"] for cluster in found["history"]] == person.history
        assert [cluster["description"] for cluster in found["history"]] == [
            NAMES[c] for c in person.history
        ]
        assert found["consumed_clusters"] == person.consumed
        assert found["recent_items"] == person.items
        expected = [list(c.members) for c in contexts_of_history(person.history)]
        assert found["contexts"] == expected
        for context in found["contexts"]:
            row = client.get("/v1/novel-clusters", params={"cluster": context}).json()
            assert [cluster["cluster_id"] for cluster in row["clusters"]] == context
            assert len(row["novel"]) == N_CLUSTERS - len(context)
    planned = ask(client, "ann")["planned"]
    row = client.get("/v1/novel-clusters", params={"cluster": [0, 1], "count": 1}).json()
    assert row["novel"][0]["cluster_id"] == planned[0]["cluster_id"] == 2
    assert row["novel"][0]["description"] == NAMES[2]


def test_the_order_of_clusters_carries_no_meaning(client: TestClient) -> None:
    one = client.get("/v1/novel-clusters?cluster=3&cluster=1")
    other = client.get("/v1/novel-clusters?cluster=1&cluster=3")
    assert one.status_code == 200
    assert one.json() == other.json()


def test_another_release_is_refused_and_the_one_in_service_named(
    client: TestClient, tree: PublishedReleases
) -> None:
    served = client.get("/v1/release").json()["release_id"]
    for path in ("/v1/users/ann/features?release_id=", "/v1/novel-clusters?cluster=1&release_id="):
        for known in (served, served[:12]):
            assert client.get(path + known).status_code == 200
        refused = client.get(path + "0" * 64)
        assert refused.status_code == 409
        assert served in refused.json()["detail"]
        assert client.get(path + "champion").status_code == 422
    set_champion(tree.second)
    with serve() as other:
        refused = other.get("/v1/users/ann/features", params={"release_id": served})
        assert refused.status_code == 409


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/users/nobody/features", 404),
        (f"/v1/novel-clusters?cluster={N_CLUSTERS}", 422),
        ("/v1/novel-clusters?cluster=-1", 422),
        ("/v1/novel-clusters?cluster=1&cluster=1", 422),
        ("/v1/novel-clusters?cluster=1&cluster=2&cluster=3", 422),
        ("/v1/novel-clusters", 422),
        ("/v1/novel-clusters?cluster=1&count=0", 422),
    ],
)
def test_what_is_not_there_is_an_error(client: TestClient, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.json()["detail"]
