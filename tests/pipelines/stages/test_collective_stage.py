"""The stage collective on a small house: two signals, and neither reads past its time."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from expectations.contracts.errors import UserError
from expectations.contracts.tables import (
    CLUSTERS,
    INTERACTIONS,
    ITEM_CLUSTERS,
    ITEMS,
    TRANSITIONS,
)
from pipelines.io import paths
from pipelines.io.artefact_io import read_json, write_json, write_table
from pipelines.params.params import read_params
from pipelines.reference.metrics import unexplained
from pipelines.stages import collective
from tests.worlds.curation import Event, at, clusters_of, interactions_of, item_clusters_of
from training.curation.timeline import MICROSECOND, Timeline

N = 6
TIMELINE = Timeline((at(60),), (at(80),), at(100) + MICROSECOND)
PARAMS = "clusters: {levels: [6], representation: {collaborative_dimensions: 4}}\n"


def make_events() -> list[Event]:
    """People who walk the ring of clusters, one step in twelve seconds, each from another place."""
    return [
        Event(f"u{user:02}", 12 * step + user % 12, (user + step) % N)
        for user in range(40)
        for step in range(4)
    ]


def lay_out(events: list[Event], folder: Path, splits: tuple[str, ...]) -> None:
    members = item_clusters_of(events).with_columns(level=pl.lit(0, pl.Int64))
    ids = members["item_id"].to_list()
    items = pl.DataFrame(
        {
            "item_id": ids,
            "title": [f"{name} of many" for name in ids],
            "text": [""] * len(ids),
            "category_path": pl.Series([None] * len(ids), dtype=pl.List(pl.String)),
        }
    )
    transitions = pl.DataFrame(
        {
            "split": [splits[user % len(splits)] for user in range(40)],
            "user_id": [f"u{user:02}" for user in range(40)],
            "event_timestamp": [at(70)] * 40,
            "history_clusters": [[(user + 1) % N, user % N] for user in range(40)],
            "consumed_clusters": [[user % N, (user + 1) % N] for user in range(40)],
            "context": [sorted([(user + 1) % N, user % N]) for user in range(40)],
            "target_cluster": [(user + 2) % N for user in range(40)],
        }
    )
    (folder / "params.yaml").write_text(PARAMS)
    write_table(interactions_of(events), folder / paths.INTERACTIONS, INTERACTIONS)
    write_table(clusters_of(N), folder / paths.CLUSTERS, CLUSTERS)
    write_table(members, folder / paths.ITEM_CLUSTERS, ITEM_CLUSTERS)
    write_table(items, folder / paths.ITEMS, ITEMS)
    write_table(transitions, folder / paths.TRANSITIONS, TRANSITIONS)
    write_json(TIMELINE.to_json(), folder / paths.TIMELINE)


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, events: list[Event]) -> tuple[bytes, bytes]:
    folder.mkdir()
    lay_out(events, folder, ("train", "validation"))
    monkeypatch.chdir(folder)
    collective.main(read_params())
    early, late = (
        path.read_bytes() for path in (paths.SIGNAL_BEFORE_VALIDATION, paths.SIGNAL_BEFORE_TEST)
    )
    return early, late


def test_each_signal_knows_its_own_past_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = make_events()
    known = [event for event in events if event.second < 80]
    late = Event("u00", 95, (events[0].cluster + 5) % N)
    in_validation = Event("u01", 75, (events[4].cluster + 5) % N)
    first = run(monkeypatch, tmp_path / "first", known)
    assert first == run(monkeypatch, tmp_path / "again", known)
    assert first == run(monkeypatch, tmp_path / "later", [*known, late])
    changed = run(monkeypatch, tmp_path / "validation", [*known, in_validation])
    assert changed[0] == first[0]
    assert changed[1] != first[1]


def test_the_walk_that_everybody_takes_is_what_it_expects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, tmp_path / "house", make_events())
    figures = read_json(paths.metrics_of("collective"))
    assert unexplained("collective", figures) == []
    assert figures["n_validation_transitions"] == 20
    assert figures["validation_loss"] < 1.0  # ln 4 = 1.39 would know nothing
    assert figures["weight_pair_counts"] > 0


def test_without_validation_transitions_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out(make_events(), tmp_path, ("train",))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="the validation split holds a transition"):
        collective.main(read_params())
    assert not paths.SIGNAL_BEFORE_TEST.parent.exists()
