"""The stages histories and curate, run for real on a small world with planted pasts."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from expectations.contracts.errors import GateError, UserError
from expectations.contracts.tables import (
    CASES,
    CLUSTERS,
    INTERACTIONS,
    ITEM_CASES,
    ITEM_CLUSTERS,
    TRANSITIONS,
    USER_CLUSTER_HISTORY,
)
from pipelines.io import paths
from pipelines.io.artefact_io import read_json, read_table, write_json, write_table
from pipelines.online.feature_store import apply_definitions, open_offline_store, retrieve_as_of
from pipelines.params.params import read_params
from pipelines.reference.metrics import unexplained
from pipelines.stages import curate, histories
from tests.worlds.curation import (
    Event,
    at,
    clusters_of,
    interactions_of,
    item_clusters_of,
    state_of,
)
from training.curation.timeline import MICROSECOND, Timeline

REPOSITORY = Path(__file__).resolve().parents[3]
N_CLUSTERS = 8
TIMELINE = Timeline((at(60),), (at(80), at(90)), at(100) + MICROSECOND)
PARAMS = """
clusters: {levels: [8]}
histories: {max_clusters: 4, chunk_interactions: 100}
curation: {chunk_interactions: 100, batch_rows: 37, max_train_transitions: 10000}
"""


def make_events(seed: int = 0) -> list[Event]:
    """Random pasts full of ties, and users planted to be easy to get wrong."""
    rng = np.random.default_rng(seed)
    people = [
        Event(f"u{user:02}", int(rng.integers(0, 101)), int(rng.integers(N_CLUSTERS)), positive)
        for user in range(30)
        for positive in rng.random(14) < 0.7
    ]
    planted = [
        Event("all at once", 5, 0),
        Event("all at once", 5, 1),
        Event("only later", 95, 0),
        Event("tied label", 10, 0),
        Event("tied label", 20, 1),
        Event("tied label", 20, 2, positive=False),
        Event("tied label", 20, 3),
        Event("end", 0, 0),
        Event("end", 100, 1),
    ]
    by_place = {(e.user, e.second, e.cluster): e for e in [*people, *planted]}
    return list(by_place.values())


def lay_out(events: list[Event], folder: Path) -> None:
    """Write what the stages before would have left, and the settings."""
    (folder / "params.yaml").write_text(PARAMS)
    (folder / paths.FEATURE_REPO).mkdir()
    settings = paths.FEATURE_REPO / "feature_store.yaml"
    shutil.copy(REPOSITORY / settings, folder / settings)
    items = item_clusters_of(events).with_columns(level=pl.lit(0, pl.Int64))
    write_table(interactions_of(events), folder / paths.INTERACTIONS, INTERACTIONS)
    write_table(clusters_of(N_CLUSTERS), folder / paths.CLUSTERS, CLUSTERS)
    write_table(items, folder / paths.ITEM_CLUSTERS, ITEM_CLUSTERS)
    write_json(TIMELINE.to_json(), folder / paths.TIMELINE)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which both stages have run once."""
    folder = tmp_path_factory.mktemp("curate")
    lay_out(make_events(), folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        histories.main(read_params())
        curate.main(read_params())
    return folder


def test_transitions_hold_the_state_just_before_the_label(built: Path) -> None:
    events = make_events()
    rows = read_table(built / paths.TRANSITIONS, TRANSITIONS).to_dicts()
    assert len(rows) > 50
    for row in rows:
        label = row["event_timestamp"] + MICROSECOND
        second = int((label - at(0)).total_seconds())
        history, consumed = state_of(events, row["user_id"], second - 1, 4)
        assert row["history_clusters"] == history
        assert row["context"] == sorted(history[:2])
        assert row["target_cluster"] not in consumed
        assert row["split"] == ("train" if second < 60 else "validation")
        assert second < 80


def test_planted_users_are_read_right(built: Path) -> None:
    frame = read_table(built / paths.TRANSITIONS, TRANSITIONS)
    planted = {
        user: [(r["target_cluster"], r["context"]) for r in group.to_dicts()]
        for (user,), group in frame.filter(
            pl.col("user_id").is_in(["all at once", "only later", "tied label", "end"])
        ).group_by("user_id")
    }
    assert planted == {"tied label": [(1, [0]), (3, [0])]}
    cases = read_table(built / paths.CASES, CASES)
    assert "only later" not in cases["user_id"]
    (end,) = cases.filter(pl.col("user_id") == "end").to_dicts()
    assert (end["origin"], end["positives"]) == (at(90), [1])


def test_cases_hold_the_state_just_before_the_origin(built: Path) -> None:
    events = make_events()
    rows = read_table(built / paths.CASES, CASES).to_dicts()
    assert {row["split"] for row in rows} == {"validation", "test"}
    for row in rows:
        second = int((row["origin"] - at(0)).total_seconds())
        history, consumed = state_of(events, row["user_id"], second - 1, 4)
        assert (row["history_clusters"], row["consumed_clusters"]) == (history, consumed)
        assert not set(row["positives"]) & set(consumed)


def test_item_cases_know_the_items_before_the_origin(built: Path) -> None:
    events = make_events()
    rows = read_table(built / paths.ITEM_CASES, ITEM_CASES).to_dicts()
    assert rows
    for row in rows:
        past = [e for e in events if e.user == row["user_id"] and at(e.second) < row["origin"]]
        assert set(row["consumed_items"]) == {e.item_id for e in past}
        assert set(row["recent_items"]) == {e.item_id for e in past if e.positive}
        assert not set(row["positives"]) & set(row["consumed_items"])


def test_histories_stand_by_user_and_time(built: Path) -> None:
    frame = read_table(built / paths.USER_CLUSTER_HISTORY, USER_CLUSTER_HISTORY)
    assert frame.equals(frame.sort("user_id", "event_timestamp"))


def test_the_data_card_adds_up(built: Path) -> None:
    card = read_json(built / paths.metrics_of("curation"))
    assert unexplained("curation", card) == []
    transitions = read_table(built / paths.TRANSITIONS, TRANSITIONS)
    targets = pl.read_csv(built / paths.plots_of("curate") / "targets.csv")
    kept = card["train_transitions"] + card["validation_transitions"]
    assert kept == transitions.height
    assert targets["n_kept"].sum() == card["train_transitions"]
    assert card["train_per_target_max"] == targets["n_kept"].max()
    for split in ("train", "validation"):  # a tree of one level has nothing but new fields
        assert card[f"{split}_transitions_new_field"] == card[f"{split}_transitions"]
        assert card[f"{split}_transitions_adjacent"] == 0
    cases = read_table(built / paths.CASES, CASES)
    liked = cases.filter(split="test")["positives"].list.len().sum()
    assert card["test_liked_new_field"] == liked
    assert card["validation_cases"] + card["test_cases"] == cases.height


def test_a_second_run_gives_the_same_bytes(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out(make_events(), tmp_path)
    monkeypatch.chdir(tmp_path)
    histories.main(read_params())
    curate.main(read_params())
    for path in (
        paths.USER_CLUSTER_HISTORY,
        paths.USER_ITEM_HISTORY,
        paths.TRANSITIONS,
        paths.CASES,
        paths.ITEM_CASES,
        paths.metrics_of("curation"),
        paths.plots_of("curate") / "targets.csv",
    ):
        assert (tmp_path / path).read_bytes() == (built / path).read_bytes(), path


def test_run_time_state_is_left_alone(built: Path) -> None:
    ours = {built / paths.DATA_DOCS, built / paths.GUARD_NOTES}
    assert set((built / paths.VAR).iterdir()) == ours


def test_retrieval_keeps_rows_without_a_past_and_sees_to_the_microsecond(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(built)
    asked = pl.DataFrame(
        {
            "user_id": ["tied label", "tied label", "only later", "nobody"],
            "event_timestamp": [at(20) - MICROSECOND, at(20), at(50), at(50)],
            "note": [1, 2, 3, 4],
        },
        schema_overrides={"event_timestamp": pl.Datetime("us", "UTC")},
    )
    with open_offline_store() as store:
        service = apply_definitions(store).services.cluster_curation
        found = retrieve_as_of(store, service, asked, batch_rows=2)
    by_note = {row["note"]: row["consumed_clusters"] for row in found.to_dicts()}
    assert by_note == {1: [0], 2: [0, 1, 2, 3], 3: None, 4: None}


def test_a_past_without_novelty_stops_the_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [Event("a", second, 0) for second in range(0, 101, 5)]
    lay_out(events, tmp_path)
    monkeypatch.chdir(tmp_path)
    histories.main(read_params())
    with pytest.raises(GateError, match="takes to a new cluster"):
        curate.main(read_params())
    assert not (tmp_path / paths.TRANSITIONS).exists()


def test_missing_settings_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"feature_store\.yaml"), open_offline_store(tmp_path):
        pass


def test_a_history_that_sees_the_label_is_caught(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows stamped too early leak the label into its own history; the gate must trip."""
    lay_out(make_events(), tmp_path)
    monkeypatch.chdir(tmp_path)
    histories.main(read_params())
    frame = read_table(paths.USER_CLUSTER_HISTORY, USER_CLUSTER_HISTORY)
    early = frame.with_columns(pl.col("event_timestamp") - timedelta(milliseconds=1))
    write_table(early, paths.USER_CLUSTER_HISTORY, USER_CLUSTER_HISTORY)
    with pytest.raises(GateError, match="consumed clusters"):
        curate.main(read_params())
