"""Events over HTTP: recorded once, refused in one clear line, seen by the user's next request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from expectations.contracts.forgotten import add_forgotten
from inference.events.event import RecordedEvent
from inference.events.log import EventLog
from inference.features.online_features import FeatureReader
from inference.release.release_source import ReleaseSource
from inference.serving.app import create_app
from inference.serving.config import ServingConfig
from inference.serving.release_loader import ReleaseLoader
from pipelines.online.feature_store import open_store
from pipelines.online.live_events import open_live_view
from pipelines.release.tracking import tracking_uri
from tests.inference.serving.asked_service import BEST_FIRST, ask, set_champion
from tests.worlds.online.published import PublishedReleases
from tests.worlds.online.serving import NAMES, NOW, PEOPLE, item_of

pytestmark = pytest.mark.usefixtures("store_as_it_was")

LATER = NOW + timedelta(days=1)


@pytest.fixture
def config(tmp_path_factory: pytest.TempPathFactory) -> ServingConfig:
    log = tmp_path_factory.mktemp("log") / "events.db"
    forgotten = log.with_name("forgotten.txt")
    return ServingConfig(
        shown_clusters="",
        planned_clusters=2,
        poll_seconds=0.05,
        event_log=str(log),
        forgotten_users=str(forgotten),
        exploration=BEST_FIRST,
    )


@pytest.fixture
def client(tree: PublishedReleases, config: ServingConfig) -> Iterator[TestClient]:
    set_champion(tree.first)
    reader = FeatureReader(open_store)
    loader = ReleaseLoader(ReleaseSource(tracking_uri()), reader, config)
    with TestClient(create_app(loader, reader, config, open_live_view(config))) as client:
        yield client


def sent(event_id: str, user: str, item: str, at: datetime = LATER, **more: Any) -> dict[str, Any]:
    named = {"event_id": event_id, "user_id": user, "item_id": item}
    return {**named, "timestamp": at.isoformat(), **more}


def ask_all(client: TestClient, user: str) -> dict[str, Any]:
    return ask(client, user, count=20)


def history(answer: dict[str, Any]) -> list[int]:
    return [cluster["cluster_id"] for cluster in answer["history"]]


def test_the_next_request_sees_the_event(client: TestClient) -> None:
    assert history(ask_all(client, "ben")) == [4]
    liked = item_of(2, 3)
    response = client.post("/v1/events", json=sent("ben 1", "ben", liked, feedback=5))
    assert response.status_code == 200
    assert response.json() == {"event_id": "ben 1", "status": "accepted", "visible": True}
    answer = ask_all(client, "ben")
    assert history(answer) == [2, 4]
    assert answer["answered_by"] == "full"
    assert liked not in [item["item_id"] for item in answer["items"]]
    assert {2, 4}.isdisjoint(p["cluster_id"] for p in answer["planned"])


def test_a_person_nobody_knew_is_known_after_one_event(client: TestClient) -> None:
    assert ask_all(client, "new/comer")["answered_by"] == "unknown_user"
    client.post("/v1/events", json=sent("new 1", "new/comer", item_of(5, 0)))
    answer = ask_all(client, "new/comer")
    assert (answer["answered_by"], history(answer)) == ("single_cluster", [5])
    assert answer["history"][0]["description"] == NAMES[5]


def test_a_look_up_tells_what_was_liked_and_the_times_of_live_events(client: TestClient) -> None:
    known = client.get("/v1/users/ben/profile").json()["recent_items"][-1]
    assert (known["is_liked"], known["acted_at"]) == (True, None)
    client.post("/v1/events", json=sent("look 1", "looked", item_of(2, 4), LATER, feedback=5))
    client.post("/v1/events", json=sent("look 2", "looked", item_of(3, 4), NOW, feedback=1))
    liked, refused = client.get("/v1/users/looked/profile").json()["recent_items"]
    assert (liked["item_id"], liked["is_liked"]) == (item_of(2, 4), True)
    assert datetime.fromisoformat(liked["acted_at"]) == LATER
    assert (refused["item_id"], refused["is_liked"]) == (item_of(3, 4), False)


def test_a_refused_cluster_rests_and_is_planned_again(client: TestClient) -> None:
    before = history(ask_all(client, "zoe"))
    now = datetime.now(UTC) - timedelta(minutes=1)
    client.post("/v1/events", json=sent("zoe 1", "zoe", item_of(4, 0), now, feedback=1))
    answer = ask_all(client, "zoe")
    assert history(answer) == before == PEOPLE["zoe"].history
    assert 4 not in [p["cluster_id"] for p in answer["planned"]]
    assert item_of(4, 0) not in [item["item_id"] for item in answer["items"]]
    client.post("/v1/events", json=sent("ben 2", "ben", item_of(5, 0), LATER, feedback=1))
    planned = [p["cluster_id"] for p in ask_all(client, "ben")["planned"]]
    assert 5 in planned, "refused in 2024, and that is long ago"


def test_an_item_the_release_does_not_know_does_no_harm(client: TestClient) -> None:
    before = ask_all(client, "ann")
    client.post("/v1/events", json=sent("ann 1", "ann", "made yesterday"))
    assert ask_all(client, "ann") == before


def test_an_event_sent_twice_counts_once(client: TestClient) -> None:
    event = sent("twice", "cat/with slash", item_of(4, 1))
    statuses = [client.post("/v1/events", json=event).json()["status"] for _ in range(3)]
    assert statuses == ["accepted", "duplicate", "duplicate"]
    other = {**event, "item_id": item_of(4, 2)}
    assert client.post("/v1/events", json=other).json()["status"] == "conflict"


def test_a_batch_is_answered_event_by_event(client: TestClient, config: ServingConfig) -> None:
    events = [
        sent("batch 1", "dot", item_of(1, 1)),
        sent("batch 2", "eve", item_of(1, 2)),
        sent("batch 1", "dot", item_of(1, 1)),
        sent("batch 3", "dot", item_of(2, 1), LATER + timedelta(hours=1)),
    ]
    response = client.post("/v1/events/batch", json={"events": events})
    assert response.status_code == 200
    content = response.json()
    assert [r["status"] for r in content["receipts"]] == [
        "accepted",
        "accepted",
        "duplicate",
        "accepted",
    ]
    assert content["visible"]
    assert history(ask_all(client, "dot")) == [2, 1]


TOO_LATE = datetime.now(UTC) + timedelta(days=2)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"event_id": ""}, "event_id"),
        ({"user_id": "x" * 257}, "user_id"),
        ({"item_id": None}, "item_id"),
        ({"item_id": "\ud800"}, "item_id"),
        ({"timestamp": "2024-05-02T00:00:00"}, "timestamp"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": TOO_LATE.isoformat()}, "timestamp: Value error, an event lies in the past"),
        ({"timestamp": "1969-12-31T23:59:59Z"}, "timestamp: Value error, an event lies after 1980"),
        ({"timestamp": "1970-01-01T00:00:00Z"}, "timestamp: Value error, an event lies after 1980"),
        ({"timestamp": "1979-12-31T23:59:59Z"}, "timestamp: Value error, an event lies after 1980"),
        ({"timestamp": 0}, "timestamp: Value error, a time is written as ISO 8601"),
        ({"timestamp": 1_704_067_200_000_000}, "timestamp"),
        (
            {"timestamp": "3000-01-01T00:00:00Z"},
            "timestamp: Value error, an event lies in the past",
        ),
        ({"user_id": " ann"}, "user_id: Value error, an id has 1 to 256 characters"),
        ({"user_id": "ann\n"}, "user_id: Value error"),
        ({"user_id": "a\u0000b"}, "user_id: Value error"),
        ({"user_id": "   "}, "user_id: Value error"),
        ({"item_id": "\ufeffi0"}, "item_id: Value error"),
        ({"item_id": "null"}, "item_id: Value error"),
        ({"feedback": 1e308}, "feedback"),
        ({"feedback": -1e308}, "feedback"),
        ({"feedback": 3.5e38}, "feedback"),
        ({"feedback": float("inf")}, "feedback"),
        ({"feedback": "much"}, "feedback"),
        ({"feedback": float("nan")}, "feedback"),
        ({"rating": 5}, "rating"),
    ],
)
def test_an_event_that_cannot_be_right_is_refused_in_one_line(
    client: TestClient, config: ServingConfig, change: dict[str, Any], line: str
) -> None:
    body = json.dumps({**sent("wrong", "ann", "i0c0"), **change})
    response = client.post("/v1/events", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 422, response.text
    detail = response.json()["detail"]
    assert detail.startswith(line)
    assert "\n" not in detail
    assert recorded_in(config) == []


@pytest.mark.parametrize("count", [0, 1_001])
def test_a_batch_of_the_wrong_size_is_refused_whole(
    client: TestClient, config: ServingConfig, count: int
) -> None:
    events = [sent(f"e{n}", "ann", "i0c0") for n in range(count)]
    response = client.post("/v1/events/batch", json={"events": events})
    assert response.status_code == 422
    assert response.json()["detail"].startswith("events")
    assert recorded_in(config) == []


@pytest.mark.parametrize(
    ("place", "change", "line"),
    [
        (57, {"timestamp": TOO_LATE.isoformat()}, "events[57].timestamp: Value error"),
        (0, {"timestamp": "1970-01-01T00:00:00Z"}, "events[0].timestamp: Value error"),
        (99, {"feedback": 1e308}, "events[99].feedback"),
        (3, {"user_id": " "}, "events[3].user_id"),
        (41, {"rating": 5}, "events[41].rating"),
        (7, {"event_id": None}, "events[7].event_id"),
    ],
)
def test_a_batch_with_a_wrong_event_is_refused_whole_and_says_which(
    client: TestClient, config: ServingConfig, place: int, change: dict[str, Any], line: str
) -> None:
    events = [sent(f"e{n}", "ann", "i0c0") for n in range(100)]
    events[place] |= change
    response = client.post("/v1/events/batch", json={"events": events})
    assert response.status_code == 422
    assert response.json()["detail"].startswith(line)
    assert recorded_in(config) == []


def recorded_in(config: ServingConfig) -> list[RecordedEvent]:
    return EventLog(Path(config.event_log)).read(0, 10)


def test_a_forgotten_person_is_no_example(client: TestClient, config: ServingConfig) -> None:
    before = client.get("/v1/release").json()["example_users"]
    assert before[0] == "ann"
    add_forgotten(Path(config.forgotten_users), "ann", datetime.now(UTC))
    after = client.get("/v1/release").json()["example_users"]
    assert after[0] == before[1]
    assert "ann" not in after
