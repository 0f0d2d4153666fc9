"""What a hostile or careless caller sends is refused at once, in one line, and costs little."""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from typing import Any

import pytest
from fastapi.testclient import TestClient

from inference.serving.config import ServingConfig
from pipelines.io import paths
from tests.inference.serving.asked_service import wait_until
from tests.worlds.online.published import PublishedReleases

EVENT = {
    "event_id": "strict",
    "user_id": "ann",
    "item_id": "i0c0",
    "timestamp": "2024-05-02T00:00:00Z",
}
JSON = {"content-type": "application/json"}


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(client: TestClient) -> None:
    body = b'{"events":[' + b"0," * 2_000_000 + b"0]}"
    answer = client.post("/v1/events/batch", content=body, headers=JSON)
    assert answer.status_code == 413
    assert "detail" in answer.json()


def test_the_first_bad_event_ends_the_look_at_a_batch(client: TestClient) -> None:
    """One error for each of half a million elements took eight seconds and a gigabyte."""
    body = b'{"events":[' + b"0," * 499_999 + b"0]}"
    started = time.process_time()
    answer = client.post("/v1/events/batch", content=body, headers=JSON)
    assert answer.status_code == 422
    assert time.process_time() - started < 2.0  # reading the JSON is most of it: 0.1 s when quiet


def test_a_deeply_nested_body_is_refused(client: TestClient) -> None:
    body = b"[" * 200_000
    for path in ("/v1/events", "/v1/events/batch", "/v1/items/interest"):
        assert client.post(path, content=body, headers=JSON).status_code == 400


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"event_id": nope}'])
def test_what_is_no_json_is_refused_in_one_line(client: TestClient, body: bytes) -> None:
    answer = client.post("/v1/events", content=body, headers=JSON)
    assert answer.status_code in (400, 422)
    assert "\n" not in answer.json()["detail"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("feedback", False),
        ("feedback", "3"),
        ("timestamp", 1_714_608_000),
        ("timestamp", "1714608000"),
        ("user_id", 7),
        ("item_id", True),
    ],
)
def test_nothing_is_taken_for_another_type(client: TestClient, field: str, value: Any) -> None:
    answer = client.post("/v1/events", json=EVENT | {field: value})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(field)


@pytest.mark.parametrize(
    "user", ["ann%0A", "%0A", "a%00b", "a%0Db", "%20ann", "NULL", "a%E2%80%A8"]
)
def test_an_id_is_asked_for_by_the_rule_that_events_keep(client: TestClient, user: str) -> None:
    answer = client.get(f"/v1/users/{user}/recommendations")
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("user_id")


@pytest.mark.parametrize("path", ["/v1/release/", "/healthz/", "/v1/users/ann/recommendations/"])
def test_no_answer_leads_to_a_host_that_the_caller_named(client: TestClient, path: str) -> None:
    answer = client.get(path, headers={"host": "evil.example"}, follow_redirects=False)
    assert answer.status_code == 404
    assert "location" not in answer.headers
    assert "evil" not in answer.text


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/readyz", "/v1/users/ann/recommendations?seed=1"]
)
def test_head_answers_as_get_does_without_the_body(client: TestClient, path: str) -> None:
    head, get = client.head(path), client.get(path)
    assert head.status_code == get.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == get.headers["content-length"]


def test_the_log_names_routes_and_requests_and_no_person(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        client.get("/v1/users/ann/recommendations", headers={"x-request-id": "call-7"})
        forged = client.get("/v1/users/bad%0Aid/recommendations", headers={"x-request-id": "a b"})
    lines = [json.loads(r.getMessage()) for r in caplog.records if r.name == "requests"]
    assert [line["status"] for line in lines] == [200, 422]
    assert lines[0]["request_id"] == "call-7"
    assert lines[0]["route"] == "/v1/users/{user_id}/recommendations"
    assert lines[1]["request_id"] == forged.headers["x-request-id"] != "a b"
    assert "ann" not in "".join(r.getMessage() for r in caplog.records if r.name == "requests")


def test_every_answer_bears_the_headers_that_browsers_heed(client: TestClient) -> None:
    for path in ("/", "/healthz", "/nowhere", "/v1/users/ann/recommendations"):
        headers = client.get(path, headers={"origin": "https://evil.example"}).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers


def test_an_emptied_store_is_told_by_readiness_and_so_is_its_return(
    client: TestClient, tree: PublishedReleases, config: ServingConfig
) -> None:
    database = tree.root / paths.VAR / "feast_online.db"
    wait_until(lambda: client.get("/readyz").status_code == 200)
    with sqlite3.connect(database) as store:
        names = [name for (name,) in store.execute("SELECT name FROM sqlite_master")]
        (table,) = [name for name in names if name.endswith("user_cluster_history")]
        kept = store.execute(f'SELECT * FROM "{table}"').fetchall()
        store.execute(f'DELETE FROM "{table}"')
    wait_until(lambda: client.get("/readyz").status_code == 503)
    state = client.get("/readyz").json()
    assert (state["ready"], state["online_store"]) == (False, "incomplete")
    assert "features of users: 0 of" in state["problem"]
    with sqlite3.connect(database) as store:
        marks = ",".join("?" * len(kept[0]))
        store.executemany(f'INSERT INTO "{table}" VALUES ({marks})', kept)
    wait_until(lambda: client.get("/readyz").status_code == 200)
