"""What a known query is answered with past the framework is what the framework answers."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from inference.serving.http.direct_route import MAX_QUERIES, MAX_QUERY_BYTES, KnownQueries
from tests.worlds.online.serving import PEOPLE

NAMES_PER_REQUEST = {"x-request-id"}
NOBODY = "seed=3&shown_to=nobody"
QUERIES = (NOBODY, f"{NOBODY}&count=4&exploration_share=0.5&novelty=new_field", f"{NOBODY}&what=1")
NOT_KEPT = "&".join(["exclude=" + "x" * 250] * 2)
"""Takes no item out, and makes a query too long to be remembered."""


def test_the_oldest_queries_make_room_and_long_ones_are_not_kept() -> None:
    known: KnownQueries[int] = KnownQueries()
    for number in range(MAX_QUERIES + 2):
        known.add(b"seed=%d" % number, number)
    assert [known.find(b"seed=%d" % number) for number in (0, 1, 2)] == [None, None, 2]
    assert known.find(b"seed=%d" % (MAX_QUERIES + 1)) == MAX_QUERIES + 1
    known.add(b"x" * (MAX_QUERY_BYTES + 1), 0)
    assert known.find(b"x" * (MAX_QUERY_BYTES + 1)) is None


@pytest.mark.parametrize("query", QUERIES)
def test_a_known_query_has_the_same_answer_as_one_that_is_read(
    client: TestClient, query: str
) -> None:
    for user in (*PEOPLE, "nobody", "\N{SNOWMAN}", "users/ann/recommendations"):
        path = f"/v1/users/{quote(user, safe='')}/recommendations?{query}"
        read = client.get(
            path.replace("seed=3", "exclude=" + "x" * 250 + "&exclude=z" * 30 + "&seed=3")
        )
        first, again = client.get(path), client.get(path)
        assert read.status_code == first.status_code == again.status_code == 200
        assert read.content == first.content == again.content
        assert _kept(read.headers) == _kept(first.headers) == _kept(again.headers)


def test_what_a_known_query_cannot_answer_is_refused_as_ever(client: TestClient) -> None:
    path = "/v1/users/{}/recommendations"
    assert client.get(path.format("ann")).status_code == 200
    for wrong in ("", "%20ann", "NULL", "a%0Ab", "x" * 257):
        refused = client.get(path.format(wrong))
        assert refused.status_code == 422
        assert refused.json()["detail"].startswith("user_id")
    assert client.post(path.format("ann")).status_code == 405
    assert client.head(path.format("ann")).content == b""
    assert client.get(path.format("ann"), params={"count": "0"}).status_code == 422
    assert client.get("/v1/users/recommendations").status_code == 404


def test_answers_of_both_ways_are_counted_as_one_route(client: TestClient) -> None:
    for _ in range(3):
        client.get("/v1/users/ann/recommendations")
    metrics = client.get("/metrics").text
    lines = [line for line in metrics.splitlines() if "recommendations" in line]
    assert lines
    assert all('route="/v1/users/{user_id}/recommendations"' in line for line in lines)


def _kept(headers: object) -> dict[str, str]:
    return {k: v for k, v in dict(headers).items() if k not in NAMES_PER_REQUEST}  # type: ignore[call-overload]
