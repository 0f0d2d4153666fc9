"""The event log is the next build's input, pinned by content; forgotten people are left out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from expectations.contracts.errors import UserError
from expectations.contracts.forgotten import add_forgotten
from expectations.contracts.tables import EVENTS, INTERACTIONS
from expectations.contracts.values import DataSeen
from inference.events.event import ItemEvent, to_microseconds
from inference.events.log import EventLog
from pipelines.io import paths
from pipelines.io.artefact_io import TableWriter, read_json, read_table
from pipelines.online.event_tables import to_events
from pipelines.online.export_events import export_events
from pipelines.params.params import read_params
from pipelines.sources.log_changes import name_of_export
from pipelines.stages import ingest

DAY = timedelta(days=1)
START = datetime(2024, 1, 1, tzinfo=UTC)
LATER = START + 40 * DAY


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two people's month of a team's own files."""
    monkeypatch.chdir(tmp_path)
    paths.FORGOTTEN_USERS.parent.mkdir(parents=True)
    Path("raw").mkdir()
    Path("raw/items.csv").write_text("item_id,title\na,A\nb,B\nc,C\n")
    rows = [
        f"{user},{'abc'[day % 3]},{(START + day * DAY).isoformat()},{day % 5 + 1}"
        for user in ("ann", "ben")
        for day in range(30)
    ]
    Path("raw/interactions.csv").write_text("user_id,item_id,timestamp,rating\n" + "\n".join(rows))
    return tmp_path


def run_ingest(events: Path | None = None) -> pl.DataFrame:
    pinned = f"events: {events}" if events else ""
    Path("params.yaml").write_text(
        f"dataset: {{source: files, path: raw, positive_threshold: 4, "
        f"files: {{feedback: rating}}, {pinned}}}\n"
    )
    ingest.main(read_params())
    return read_table(paths.INTERACTIONS, INTERACTIONS)


def seen() -> DataSeen:
    return DataSeen.from_json(read_json(paths.DATA_SEEN))


def log_of(*events: ItemEvent) -> EventLog:
    log = EventLog(Path("var/events/events.db"))
    log.append(events)
    return log


def event(name: str, user: str, item: str, at: datetime, feedback: float | None) -> ItemEvent:
    return ItemEvent(name, user, item, to_microseconds(at), feedback)


def test_events_join_the_data(capsys: pytest.CaptureFixture[str]) -> None:
    before = run_ingest()
    assert seen() == DataSeen(START + 29 * DAY + timedelta(microseconds=1), 0, 4.0)
    log = log_of(
        event("1", "cat", "b", LATER, 5),
        event("2", "ann", "a", LATER + timedelta(microseconds=1), 3),
        event("3", "ann", "unheard of", LATER, 5),
        event("4", "ann", "a", START, 1),  # a repeat of what the files hold
        event("5", "ben", "c", LATER, None),
    )
    path, n_events = export_events(log, paths.EVENT_EXPORTS)
    assert n_events == 5
    after = run_ingest(path)
    assert "left out 1 events" in capsys.readouterr().err
    added = after.join(before, on=["user_id", "item_id", "timestamp"], how="anti")
    assert added.sort("user_id").rows() == [
        ("ann", "a", LATER + timedelta(microseconds=1), 3.0, False),
        ("ben", "c", LATER, None, True),
        ("cat", "b", LATER, 5.0, True),
    ]
    assert after.height == before.height + 3
    assert after.equals(after.sort("user_id", "timestamp", "item_id"))
    last = log.read(0, 10)[-1].recorded_at_us
    assert seen() == DataSeen(LATER + timedelta(microseconds=2), last, 4.0)


def test_an_export_is_named_by_its_content_and_refused_under_another_name() -> None:
    log = log_of(event("1", "cat", "b", LATER, 5))
    first, _ = export_events(log, paths.EVENT_EXPORTS)
    again, _ = export_events(log, paths.EVENT_EXPORTS)
    assert first == again
    log.append([event("2", "cat", "c", LATER, 5)])
    grown, _ = export_events(log, paths.EVENT_EXPORTS)
    assert grown != first
    grown.replace(first)
    with pytest.raises(UserError, match="the name holds the hash of the content"):
        run_ingest(first)
    with pytest.raises(UserError, match="the export of the event log exists"):
        run_ingest(grown)


def test_an_empty_log_can_be_exported() -> None:
    path, n_events = export_events(log_of(), paths.EVENT_EXPORTS)
    assert n_events == 0
    run_ingest(path)
    assert seen().events_until_us == 0


def test_what_a_forgotten_person_did_until_then_is_left_out() -> None:
    everybody = run_ingest()
    add_forgotten(paths.FORGOTTEN_USERS, "ben", START + 10 * DAY)
    left = run_ingest()
    gone = everybody.join(left, on=["user_id", "item_id", "timestamp"], how="anti")
    assert set(gone["user_id"]) == {"ben"}
    assert gone["timestamp"].max() == START + 10 * DAY
    assert gone.height == 11
    add_forgotten(paths.FORGOTTEN_USERS, "ben", LATER)
    log = log_of(event("1", "ben", "b", LATER, 5), event("2", "ben", "b", LATER + DAY, 5))
    path, _ = export_events(log, paths.EVENT_EXPORTS)
    back = run_ingest(path).filter(pl.col("user_id") == "ben")
    assert back["timestamp"].to_list() == [LATER + DAY]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (ItemEvent("bad", "cat", "b", 0), r"times lie between 1980 and 2100 .*event 'bad'.*1970"),
        (ItemEvent("bad", "cat", "b", 5 * 10**15), r"times lie .*event 'bad'.*2128"),
        (ItemEvent("bad", "cat", "b", 17 * 10**14, 1e308), r"feedback is .*event 'bad'.*inf"),
        (ItemEvent("bad", "cat", "b", 17 * 10**14, -1e39), r"feedback is .*event 'bad'.*-inf"),
        (ItemEvent("bad", " cat", "b", 17 * 10**14), r"an id has .*event 'bad': user_id"),
        (ItemEvent("bad", "cat", "b\t", 17 * 10**14), r"an id has .*event 'bad': item_id"),
        (ItemEvent("bad", "c" * 257, "b", 17 * 10**14), r"an id has .*event 'bad': user_id"),
        (ItemEvent("bad", "null", "b", 17 * 10**14), r"an id has .*event 'bad': user_id null"),
    ],
)
def test_an_event_that_no_build_would_take_is_named_by_export_and_ingest(
    bad: ItemEvent, words: str
) -> None:
    log = log_of(event("good", "cat", "b", LATER, 5), bad)
    with pytest.raises(UserError, match=words + r".*drop-events"):
        export_events(log, paths.EVENT_EXPORTS)
    assert not list(paths.EVENT_EXPORTS.glob("*.parquet*"))
    # an export made before this was looked at
    with TableWriter(paths.EVENT_EXPORTS / "old.parquet", EVENTS) as writer:
        writer.write(to_events(log.read(0, 10)))
    old = paths.EVENT_EXPORTS / "old.parquet"
    old = old.rename(old.with_name(name_of_export(old)))
    with pytest.raises(UserError, match=words + r".*drop-events"):
        run_ingest(old)


def test_the_synthetic_world_takes_events_too(tmp_path: Path) -> None:
    catalogue = Path(__file__).resolve().parents[3] / "pipelines/sources/synthetic/catalogue.yaml"
    settings = f"source: synthetic, path: {catalogue}, synthetic: {{n_users: 60, n_items: 200}}"
    Path("params.yaml").write_text(f"dataset: {{{settings}}}\n")
    ingest.main(read_params())
    made = read_table(paths.INTERACTIONS, INTERACTIONS)
    item = made["item_id"][0]
    log = log_of(event("1", "a visitor", item, datetime(2030, 1, 1, tzinfo=UTC), None))
    path, _ = export_events(log, paths.EVENT_EXPORTS)
    Path("params.yaml").write_text(f"dataset: {{{settings}, events: {path}}}\n")
    ingest.main(read_params())
    with_event = read_table(paths.INTERACTIONS, INTERACTIONS)
    added = with_event.join(made, on=["user_id", "item_id", "timestamp"], how="anti")
    assert added["user_id"].to_list() == ["a visitor"]
    assert with_event.height == made.height + 1
