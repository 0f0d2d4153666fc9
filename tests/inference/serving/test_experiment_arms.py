"""Arms in answers: what holds for whom, what is counted, and a log that estimators can read."""

from __future__ import annotations

import json
import logging
import re
from collections import Counter

import numpy as np
import pytest
from fastapi.testclient import TestClient

from inference.experiment.off_policy import LoggedChoices, effective_size, estimate_snipw
from inference.serving.exploration.arms import ServedArm, assign_arm
from inference.serving.exploration.config import ExplorationPolicy
from tests.inference.serving.asked_service import CONFIG, ask, serve, set_champion
from tests.worlds.online.published import PublishedReleases

ARMS = {"bold": ServedArm(share=0.5, exploration_share=1.0, novelty="new_field")}
SALT = next(
    salt
    for salt in map(str, range(100))
    if [assign_arm(user, ARMS, salt) for user in ("ben", "ann")] == ["bold", "default"]
)
CONFIGURED = CONFIG.model_copy(update={"arms": ARMS, "arms_salt": SALT})
N_ANSWERS = 200


def test_an_arm_has_its_own_defaults_and_a_request_goes_before_them(
    tree: PublishedReleases,
) -> None:
    set_champion(tree.first)
    with serve(config=CONFIGURED) as client:
        bold, plain = ask(client, "ben", count=4), ask(client, "ann", count=4)
        asked = ask(client, "ben", exploration_share=0.1, novelty="adjacent")
        assert client.get("/v1/users/ben/plan").json()["arm"] == "bold"
    assert (bold["arm"], bold["exploration_share"]) == ("bold", 1.0)
    assert {p["distance"] for p in bold["planned"]} == {"new_field"}
    assert (plain["arm"], plain["exploration_share"]) == ("default", CONFIG.exploration_share)
    assert {p["distance"] for p in plain["planned"]} == {"adjacent"}
    assert (asked["arm"], asked["exploration_share"]) == ("bold", 0.1)
    assert "adjacent" in {p["distance"] for p in asked["planned"]}


def test_each_list_is_counted_in_its_arm(tree: PublishedReleases) -> None:
    """Feast lets the counts of a process outlive its services, each seen once it is counted on.

    So each way of asking is counted once before the counts are compared.
    """
    set_champion(tree.first)
    with serve(config=CONFIGURED) as client:
        arms_of_each_way(client)
        before = lists_by_arm(client.get("/metrics").text)
        assert arms_of_each_way(client) == ["bold", "default", "bold", "default", "default"]
        client.get("/v1/users/ben/plan")
        after = lists_by_arm(client.get("/metrics").text)
    assert after - before == {"bold": 2, "default": 3}  # the plan alone is no list


def arms_of_each_way(client: TestClient) -> list[str]:
    """Ask for a list of one person each, of both in a batch, and of a session."""
    alone = [ask(client, user) for user in ("ben", "ann")]
    batch = client.post("/v1/recommendations/batch", json={"users": ["ben", "ann"]}).json()
    session = client.post("/v1/recommendations/session", json={"items": ["i0c0"]}).json()
    return [answer["arm"] for answer in [*alone, *batch["answers"], session]]


def lists_by_arm(page: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for name, value in re.findall(r'answers_total{answered_by="\w+",arm="(\w+)"} (\S+)', page):
        counts[name] += int(float(value))
    return counts


def test_without_arms_everybody_is_in_the_default(client: TestClient) -> None:
    assert {ask(client, user)["arm"] for user in ("ann", "ben", "nobody")} == {"default"}


def test_the_log_of_impressions_is_what_off_policy_estimates_need(
    tree: PublishedReleases, caplog: pytest.LogCaptureFixture
) -> None:
    """Read back: a policy that draws as the log did has weights of 1, and of another they differ.

    Ann's plan is 2, then 3: with a decay of 0.5 the first explored item is of cluster 2 with the
    probability 2/3. A policy of a decay of 1 draws either with 1/2.
    """
    drawn = ExplorationPolicy(cluster_decay=0.5, item_decay=0, remembered_users=0)
    config = CONFIG.model_copy(update={"exploration": drawn, "log_impressions": True})
    set_champion(tree.first)
    with caplog.at_level(logging.INFO, "impressions"), serve(config=config) as client:
        answers = [
            ask(client, "ann", count=2, exploration_share=0.5, seed=n) for n in range(N_ANSWERS)
        ]
        ask(client, "nobody")
    lines = [json.loads(r.message) for r in caplog.records if r.name == "impressions"]
    assert len(lines) == N_ANSWERS + 1
    assert {(line["user_id"], line["arm"]) for line in lines} == {
        ("ann", "default"),
        ("nobody", "default"),
    }
    for line, answer in zip(lines[:-1], answers, strict=True):
        assert [
            (item["item_id"], item["position"], item["list"], item["probability"])
            for item in line["items"]
        ] == [
            (item["item_id"], place, item["from_list"], item["probability"])
            for place, item in enumerate(answer["items"])
        ]
    explored = [item for line in lines for item in line["items"] if item["list"] == "exploratory"]
    logged = np.array([item["probability"] for item in explored])
    cluster = np.array([int(item["item_id"].split("c")[1]) for item in explored])
    assert logged == pytest.approx(np.where(cluster == 2, 2 / 3, 1 / 3))
    rewards = (cluster == 2).astype(float)  # the first cluster's items are taken, no others
    nothing = np.zeros(len(explored))
    same = LoggedChoices(rewards, logged, logged, nothing, nothing)
    assert estimate_snipw(same) == pytest.approx(rewards.mean())
    assert effective_size(same) == pytest.approx(len(explored))
    even = LoggedChoices(rewards, logged, np.full(len(explored), 0.5), nothing, nothing)
    n_first, n = int(rewards.sum()), len(explored)
    expected = n_first * 0.75 / (n_first * 0.75 + (n - n_first) * 1.5)
    assert estimate_snipw(even) == pytest.approx(expected)


def test_impressions_are_not_logged_unless_asked(
    tree: PublishedReleases, caplog: pytest.LogCaptureFixture
) -> None:
    set_champion(tree.first)
    with caplog.at_level(logging.INFO, "impressions"), serve() as client:
        ask(client, "ann")
    assert "ann" not in caplog.text
