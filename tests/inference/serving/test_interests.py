"""Interests that a person sees and changes: honoured at once, kept, and found again later."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from inference.events.choice import Choice, ChoiceKind
from inference.features.online_features import FeatureReader
from inference.release.release_source import ReleaseSource
from inference.serving.app import create_app
from inference.serving.config import ServingConfig
from inference.serving.interests import find_cluster
from inference.serving.release_loader import ReleaseLoader
from pipelines.io import paths
from pipelines.online.feature_store import open_store
from pipelines.online.live_events import open_event_log, open_live_view, replay_events
from pipelines.release.tracking import tracking_uri
from tests.inference.serving.asked_service import BEST_FIRST, ask, set_champion
from tests.worlds.online.published import PublishedReleases
from tests.worlds.online.serving import NAMES, item_of

HALF = {"count": 4, "exploration_share": 0.5}


@pytest.fixture
def config(tmp_path_factory: pytest.TempPathFactory) -> ServingConfig:
    log = tmp_path_factory.mktemp("log") / "events.db"
    return ServingConfig(
        shown_clusters="",
        planned_clusters=2,
        event_log=str(log),
        forgotten_users=str(log.with_name("forgotten.txt")),
        exploration=BEST_FIRST,
    )


@pytest.fixture
def loader(tree: PublishedReleases, config: ServingConfig) -> Iterator[ReleaseLoader]:
    """Of the first release; the store, which other modules share, is put back."""
    database = tree.root / paths.VAR / "feast_online.db"
    before = database.read_bytes()
    set_champion(tree.first)
    yield ReleaseLoader(ReleaseSource(tracking_uri()), FeatureReader(open_store), config)
    database.write_bytes(before)


@pytest.fixture
def client(loader: ReleaseLoader, config: ServingConfig) -> Iterator[TestClient]:
    app = create_app(loader, FeatureReader(open_store), config, open_live_view(config))
    with TestClient(app) as client:
        yield client


def change(client: TestClient, user: str, *changes: tuple[int, str], **more: Any) -> None:
    body = {"changes": [{"cluster_id": c, "choice": choice} for c, choice in changes]} | more
    response = client.patch(f"/v1/users/{user}/interests", json=body)
    assert (response.status_code, response.json()) == (200, {"visible": True})


def planned(answer: dict[str, Any]) -> list[int]:
    return [entry["cluster_id"] for entry in answer["planned"]]


def test_a_hidden_interest_is_neither_planned_nor_shown(client: TestClient) -> None:
    assert planned(ask(client, "ann", **HALF)) == [2, 3]
    change(client, "ann", (2, "hide"), (0, "hide"))
    answer = ask(client, "ann", **HALF | {"count": 20})
    assert planned(answer) == [3, 4]
    assert not {item["cluster"]["cluster_id"] for item in answer["items"]} & {0, 2}
    change(client, "nobody", (3, "hide"))  # popular items too
    stranger = ask(client, "nobody", count=20)
    assert stranger["items"]
    assert 3 not in {item["cluster"]["cluster_id"] for item in stranger["items"]}
    change(client, "ann", (2, "none"), (0, "none"))
    assert planned(ask(client, "ann", **HALF)) == [2, 3]


def test_a_pinned_interest_leads_the_plan_and_has_its_position(client: TestClient) -> None:
    change(client, "ann", (5, "pin"), (1, "pin"))
    answer = ask(client, "ann", **HALF)
    assert set(planned(answer)) == {1, 5}
    assert all(entry["is_pinned"] for entry in answer["planned"])
    explored = [i for i in answer["items"] if i["from_list"] == "exploratory"]
    assert {i["cluster"]["cluster_id"] for i in explored} == {1, 5}
    assert {i["reason"] for i in explored} == {"pinned"}
    known = next(entry for entry in answer["planned"] if entry["cluster_id"] == 1)
    assert (known["distance"], known["led_by"]) == (None, [])


def test_less_of_a_direction_puts_its_family_behind_the_others(client: TestClient) -> None:
    change(client, "ann", (2, "less"))  # the even clusters are one family
    assert planned(ask(client, "ann", **HALF)) == [3, 5]


def test_the_share_a_person_chose_holds_where_a_request_does_not_say(client: TestClient) -> None:
    change(client, "ann", exploration_share=0.0)
    assert ask(client, "ann")["exploration_share"] == 0
    assert ask(client, "ann", exploration_share=0.5)["exploration_share"] == 0.5
    change(client, "ann", (4, "pin"))  # what is not named stays
    assert ask(client, "ann")["exploration_share"] == 0
    change(client, "ann", exploration_share=None)
    assert ask(client, "ann")["exploration_share"] == pytest.approx(0.2)


def test_interests_chosen_at_sign_up_stand_for_a_history(client: TestClient) -> None:
    change(client, "new", (4, "chosen"))
    answer = ask(client, "new", **HALF)
    assert answer["answered_by"] == "chosen_interests"
    assert planned(answer) == [5, 0]
    change(client, "ben", (1, "chosen"))  # ben liked 4 alone
    both = ask(client, "ben", **HALF)
    assert both["answered_by"] == "full"
    assert [c["cluster_id"] for c in both["history"]] == [4, 1]
    change(client, "ann", (4, "chosen"))  # ann has a history of her own
    assert planned(ask(client, "ann", **HALF)) == [2, 3]


def test_a_person_sees_what_they_chose(client: TestClient) -> None:
    change(client, "ann", (2, "hide"), (5, "pin"), (3, "less"), exploration_share=0.4)
    told = client.get("/v1/users/ann/interests").json()
    assert [c["name"] for c in told["history"]] == [NAMES[1], NAMES[0]]
    for kind, cluster in (("hidden", 2), ("pinned", 5), ("less", 3)):
        assert [c["cluster_id"] for c in told[kind]] == [cluster]
    assert told["chosen"] == []
    assert told["exploration_share"] == pytest.approx(0.4)


def test_choices_survive_the_loss_of_the_store(
    client: TestClient, config: ServingConfig, tree: PublishedReleases
) -> None:
    database = tree.root / paths.VAR / "feast_online.db"
    before = database.read_bytes()
    change(client, "ann", (2, "hide"))
    database.write_bytes(before)
    assert planned(ask(client, "ann", **HALF)) == [2, 3]
    assert replay_events(0, config) == 1
    assert planned(ask(client, "ann", **HALF)) == [3, 4]
    assert paths.USER_LIVE_EVENTS.is_file()  # the offline file has a row of somebody without events


def test_a_choice_is_found_again_by_its_words_or_by_its_item(loader: ReleaseLoader) -> None:
    loader.refresh()
    release = loader.status.release
    assert release is not None
    by_words = Choice("ann", NAMES[2], ChoiceKind.HIDE, item_of(4, 0))
    assert find_cluster(release, by_words) == 2
    assert find_cluster(release, by_words._replace(interest="of another tree")) == 4
    lost = by_words._replace(interest="of another tree", item_id="gone")
    assert find_cluster(release, lost) is None


def test_forgetting_a_person_forgets_their_choices(config: ServingConfig) -> None:
    log = open_event_log(config)
    log.choose([Choice(user, NAMES[2], ChoiceKind.HIDE) for user in ("ann", "ben")])
    assert [user.user_id for user in log.read_users(["ann", "ben"], 5)] == ["ann", "ben"]
    log.forget("ann", until_us=2**60)
    assert [user.user_id for user in log.read_users(["ann", "ben"], 5)] == ["ben"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"changes": [{"cluster_id": 6, "choice": "hide"}]}, 404),
        ({"changes": [{"cluster_id": "3", "choice": "hide"}]}, 422),
        ({"changes": [{"cluster_id": 3, "choice": "destroy"}]}, 422),
        ({"exploration_share": 1.1}, 422),
        ({"exploration_share": True}, 422),
    ],
)
def test_a_change_that_cannot_be_made_is_refused(
    client: TestClient, body: dict[str, object], status: int
) -> None:
    assert client.patch("/v1/users/ann/interests", json=body).status_code == status
