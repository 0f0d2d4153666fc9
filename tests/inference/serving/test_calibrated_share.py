"""Lists follow the share that was calibrated last, where the service is told to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from inference.release.registered import CALIBRATED_SHARE, RELEASE_MODEL
from inference.serving.exploration.arms import ServedArm
from pipelines.release.tracking import open_tracking
from tests.inference.serving.asked_service import CONFIG, ask, serve, set_champion, wait_until
from tests.worlds.online.published import PublishedReleases

CALIBRATED = CONFIG.model_copy(update={"blend": "calibrated"})


@pytest.fixture(autouse=True)
def _champion(tree: PublishedReleases) -> Iterator[None]:
    set_champion(tree.first)
    yield
    open_tracking().delete_registered_model_tag(RELEASE_MODEL, CALIBRATED_SHARE)


def calibrate(share: str) -> None:
    open_tracking().set_registered_model_tag(RELEASE_MODEL, CALIBRATED_SHARE, share)


def share_of(client: TestClient, **query: float) -> float:
    share: float = ask(client, "ann", **query)["exploration_share"]
    return share


def test_a_service_follows_the_calibrated_share_while_it_runs() -> None:
    with serve(config=CALIBRATED) as client:
        assert share_of(client) == CONFIG.exploration_share  # nothing was calibrated yet
        calibrate("0.35")
        wait_until(lambda: share_of(client) == 0.35)
        assert share_of(client, exploration_share=0.1) == 0.1
        assert "explorer_exploration_share" in client.get("/metrics").text
        calibrate("half")  # no share: as if there were none
        wait_until(lambda: share_of(client) == CONFIG.exploration_share)


def test_an_arm_keeps_its_own_share_and_a_service_that_is_not_told_keeps_its_setting() -> None:
    calibrate("0.35")
    with serve() as client:
        assert share_of(client) == CONFIG.exploration_share
    arms = {"all": ServedArm(share=1, exploration_share=0.5)}
    with serve(config=CALIBRATED.model_copy(update={"arms": arms})) as client:
        assert share_of(client) == 0.5
