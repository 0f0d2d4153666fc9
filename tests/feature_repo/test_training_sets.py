"""Training sets by Feast's own retrieval are true at each row's time, or are refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pandas as pd
import pytest

from expectations.contracts.values import BUILD_RELEASE
from inference.features.snapshot_times import BetweenSnapshotsError
from pipelines.online.feature_store import apply_definitions, open_store
from pipelines.params.params import read_params
from pipelines.stages import histories
from tests.pipelines.stages.test_curate import lay_out, make_events
from tests.worlds.curation import Event, at, state_of
from training.curation.timeline import MICROSECOND

SECONDS = range(101)
SNAPSHOTS = [at(60) - MICROSECOND, at(80) - MICROSECOND, at(90) - MICROSECOND, at(100)]
"""One microsecond before each origin of that world's timeline, and at its data's end."""
WIDTH = 4  # history clusters that those settings keep


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return make_events(seed=3)


@pytest.fixture(scope="module")
def _histories(events: list[Event], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("training_sets")
    lay_out(events, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        histories.main(read_params())
        apply_definitions(open_store())
        yield


def retrieve(service: str, users: list[str], times: list[datetime]) -> pd.DataFrame:
    """Every user as of every time, as whoever trains a model of their own would ask."""
    rows = [(BUILD_RELEASE, user, time) for user in users for time in times]
    entities = pd.DataFrame(rows, columns=["release_id", "user_id", "event_timestamp"])
    store = open_store()
    return store.get_historical_features(entities, store.get_feature_service(service)).to_df()


@pytest.mark.usefixtures("_histories")
def test_cluster_histories_are_true_at_every_time(events: list[Event]) -> None:
    users = sorted({event.user for event in events})
    found = retrieve("cluster_curation", users, [at(second) for second in SECONDS])
    assert len(found) == len(users) * len(SECONDS)
    second_of = {at(second): second for second in SECONDS}
    for row in found.to_dict("records"):
        second = second_of[row["event_timestamp"].to_pydatetime()]
        history, consumed = state_of(events, row["user_id"], second, WIDTH)
        assert _listed(row["history_clusters"]) == history
        assert _listed(row["consumed_clusters"]) == consumed


@pytest.mark.usefixtures("_histories")
def test_item_histories_are_true_at_snapshots_and_after_the_last(events: list[Event]) -> None:
    users = sorted({event.user for event in events})
    found = retrieve("item_curation", users, [*SNAPSHOTS, at(500)])
    assert len(found) == len(users) * (len(SNAPSHOTS) + 1)
    for row in found.to_dict("records"):
        time, user = row["event_timestamp"], row["user_id"]
        past = [e for e in events if e.user == user and at(e.second) <= time.to_pydatetime()]
        assert set(_listed(row["consumed_items"])) == {e.item_id for e in past}
        assert set(_listed(row["recent_items"])) == {e.item_id for e in past if e.positive}


@pytest.mark.usefixtures("_histories")
@pytest.mark.parametrize("service", ["item_curation", "user_features"])
@pytest.mark.parametrize("time", [at(3), at(60), at(75), SNAPSHOTS[2] + MICROSECOND, at(99)])
def test_item_histories_of_another_time_are_refused(service: str, time: datetime) -> None:
    with pytest.raises(BetweenSnapshotsError) as refused:
        retrieve(service, ["tied label"], [SNAPSHOTS[0], time])
    said = str(refused.value)
    assert f"not at {time.isoformat()}." in said
    assert SNAPSHOTS[0].isoformat() in said
    assert "cluster_curation" in said


def _listed(value: object) -> list[object]:
    """A cell of Feast's frame: nothing had happened yet where it is null."""
    return [] if value is None or isinstance(value, float) else list(value)  # type: ignore[call-overload]
