"""Inputs of the kinds that people report, through the whole stage: read whole, or one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from expectations.contracts.errors import UserError
from expectations.contracts.forgotten import add_forgotten
from expectations.contracts.tables import INTERACTIONS, ITEMS
from pipelines.io import paths
from pipelines.io.artefact_io import read_json, read_table
from pipelines.online.export_events import export_events
from pipelines.params.params import read_params
from pipelines.reference.metrics import unexplained
from pipelines.sources.raw import swallowed
from pipelines.stages import ingest
from tests.pipelines.sources.test_ingest_events import LATER, event, log_of

N_ROWS = 200
SECONDS = 1_704_067_200
PERSIAN = ("کتاب\u200cهای آشپزی", "شاهنامه فردوسی", "سفرهای دور دنیا")


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder to run the stage in."""
    monkeypatch.chdir(tmp_path)
    paths.FORGOTTEN_USERS.parent.mkdir(parents=True)


def catalogue() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "item_id": [f"i{n}" for n in range(30)],
            "title": [f"Thing number {n} of kind {'abc'[n % 3]}" for n in range(30)],
        }
    )


def log(**more: Any) -> pl.DataFrame:
    """Return 200 rows of 20 people, ten each, an hour apart."""
    frame = pl.DataFrame(
        {
            "user_id": [f"u{n // 10}" for n in range(N_ROWS)],
            "item_id": [f"i{n * 7 % 30}" for n in range(N_ROWS)],
            "timestamp": [SECONDS + 3600 * n for n in range(N_ROWS)],
        }
    )
    return frame.with_columns(**more)


def write(folder: Path, items: pl.DataFrame, interactions: pl.DataFrame) -> None:
    folder.mkdir(parents=True)
    items.write_csv(folder / "items.csv")
    interactions.write_csv(folder / "interactions.csv")


def run(path: str = "data", files: dict[str, Any] | None = None, **more: Any) -> pl.DataFrame:
    """Run the stage on a folder; return the log it leaves."""
    dataset = {"source": "files", "path": path, "files": files or {}, **more}
    Path("params.yaml").write_text(yaml.safe_dump({"dataset": dataset, "split": {"origins": 1}}))
    ingest.main(read_params())
    return read_table(paths.INTERACTIONS, INTERACTIONS)


def metrics() -> dict[str, int]:
    figures: dict[str, int] = read_json(paths.metrics_of("ingest"))
    assert unexplained("ingest", figures) == []
    return figures


def put_stray_quotes(rows: tuple[int, ...], cell: str = 'tv 19"') -> None:
    items, frame = catalogue(), log(query=pl.lit("x"))
    write(Path("data"), items, frame)
    path = Path("data/interactions.csv")
    lines = path.read_text().splitlines()
    for row in rows:
        lines[row] = lines[row].removesuffix("x") + cell
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("rows", "cell"),
    [
        ((61, 141), 'tv 19"'),
        ((1, 200), 'tv 19"'),
        ((5,), 'tv 19"'),
        ((5, 6, 7), 'say "hi" now'),
        ((100, 101), 'a""b'),
        (tuple(range(1, 201)), '19" tv 20"'),
        ((61, 141), "5' 11\" tall"),
    ],
)
def test_stray_quotes_in_a_column_that_nobody_maps(rows: tuple[int, ...], cell: str) -> None:
    put_stray_quotes(rows, cell)
    found = run()
    assert (found.height, found["user_id"].n_unique()) == (N_ROWS, 20)
    assert metrics()["interactions_rows_read"] == N_ROWS


@pytest.mark.parametrize("cell", ['"12 tv', '"', '"a'])
def test_quotes_that_swallow_rows_are_refused_and_read_as_letters(cell: str) -> None:
    put_stray_quotes((61, 141), cell)
    with pytest.raises(UserError, match=r"row 61, column 'query': 81 lines that read as rows"):
        run()
    assert not paths.INTERACTIONS.exists()
    assert "dataset.files.quote" in swallowed.REMEDY
    assert run(files={"quote": None}).height == N_ROWS


@pytest.mark.parametrize(
    ("factor", "unit"),
    [(1, "seconds"), (10**3, "milliseconds"), (10**6, "microseconds"), (10**9, "nanoseconds")],
)
def test_times_of_any_unit_are_read_and_the_unit_is_said(
    factor: int, unit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(Path("data"), catalogue(), log(timestamp=pl.col("timestamp") * factor))
    found = run()
    assert found.height == N_ROWS
    assert found["timestamp"].dt.epoch("s").sort()[0] == SECONDS
    assert f"timestamp is the time ({unit} since 1970)" in capsys.readouterr().err


def test_one_cell_in_milliseconds_is_named_by_row_and_value() -> None:
    time = pl.col("timestamp")
    mixed = pl.when(pl.int_range(N_ROWS) == 7).then(time * 1000).otherwise(time)
    write(Path("data"), catalogue(), log(timestamp=mixed))
    with pytest.raises(UserError, match=r"row 8: '1704092400000' \(milliseconds\)"):
        run()


def test_brackets_name_their_own_folder() -> None:
    write(Path("run1"), catalogue(), log().head(50))
    write(Path("run[1]"), catalogue(), log())
    assert run("run[1]").height == N_ROWS


@pytest.mark.parametrize("end", ["\n", "\n\n\n", "  \n", ",,\n", "\x1a", "\r\n\r\n", ", ,\n,,\n"])
def test_what_is_blank_at_the_end_is_ignored_and_counted(end: str) -> None:
    write(Path("data"), catalogue(), log())
    with Path("data/interactions.csv").open("a") as file:
        file.write(end)
    assert run().height == N_ROWS
    counts = metrics()
    assert counts["interactions_rows_empty"] >= 1
    assert counts["interactions_rows_in_file"] == N_ROWS + counts["interactions_rows_empty"]


def test_titles_of_another_script_are_kept_as_they_are() -> None:
    titles = [PERSIAN[n % 3] + f" {n}" for n in range(30)]
    write(Path("data"), catalogue().with_columns(title=pl.Series(titles)), log())
    run()
    kept = read_table(paths.ITEMS, ITEMS).sort(pl.col("item_id").str.slice(1).cast(pl.Int64))
    assert kept["title"].to_list() == titles


PARQUET = {"items_file": "items.parquet", "interactions_file": "interactions.parquet"}


def test_ids_that_pandas_read_as_floats_are_integers_and_that_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("data").mkdir()
    catalogue().write_parquet("data/items.parquet")
    users = pl.col("user_id").str.slice(1).cast(pl.Float64)
    log(user_id=users).write_parquet("data/interactions.parquet")
    assert run(files=PARQUET)["user_id"].unique().sort().to_list()[:3] == ["0", "1", "10"]
    assert "user_id is the user (floats read as whole numbers)" in capsys.readouterr().err
    frame = log(user_id=pl.when(pl.int_range(N_ROWS) != 3).then(users))
    frame.write_parquet("data/interactions.parquet")
    with pytest.raises(UserError, match=r"every user_id is a whole number.*row 4: None"):
        run(files=PARQUET)


def test_a_folder_of_part_files_is_a_log() -> None:
    Path("data/interactions.parquet").mkdir(parents=True)
    catalogue().write_parquet("data/items.parquet")
    for n in range(2):
        part = log().slice(n * 100, 100)
        part.write_parquet(f"data/interactions.parquet/part-0000{n}.snappy.parquet")
    Path("data/interactions.parquet/_SUCCESS").touch()
    assert run(files=PARQUET).height == N_ROWS


def test_every_row_is_in_the_metrics_whatever_became_of_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    twice = pl.concat([log(), log().head(5)])
    write(Path("data"), catalogue(), twice)
    with Path("data/interactions.csv").open("a") as file:
        file.write("\n,,\n")
    events = log_of(
        event("1", "u3", "i1", LATER, None),
        event("2", "u3", "unheard of", LATER, None),
        event("3", "u4", "i1", LATER, None),
    )
    exported, _ = export_events(events, paths.EVENT_EXPORTS)
    add_forgotten(paths.FORGOTTEN_USERS, "u0", LATER)
    dataset = {"source": "files", "path": "data", "events": str(exported)}
    split = {"origins": 1, "end": LATER.isoformat()}
    Path("params.yaml").write_text(yaml.safe_dump({"dataset": dataset, "split": split}))
    ingest.main(read_params())
    found = metrics()
    assert found == {
        "items_rows_in_file": 30,
        "items_rows_read": 30,
        "items_rows_empty": 0,
        "items_lines_in_cells": 0,
        "interactions_rows_in_file": 207,
        "interactions_rows_read": 205,
        "interactions_rows_empty": 2,
        "interactions_lines_in_cells": 0,
        "rows_repeated": 5,
        "events_added": 2,
        "events_of_unknown_items": 1,
        "rows_of_forgotten": 10,
        "rows_from_the_end_on": 2,
        "n_items": 30,
        "n_users": 19,
        "n_interactions": 190,
        "n_positive": 190,
    }
    left = found["interactions_rows_read"] + found["events_added"] - found["rows_repeated"]
    left -= found["rows_of_forgotten"] + found["rows_from_the_end_on"]
    assert left == found["n_interactions"]
    said = capsys.readouterr().err
    for line in (
        "interactions.csv: 207 rows: 205 read, 2 empty ones passed over",
        "interactions.csv: merged 5 rows that repeat user, item and time",
        "left out 1 events of items that are unknown",
        "left out 10 rows of people who asked to be forgotten",
        "left out 2 rows from split.end on",
    ):
        assert line in said
    first = paths.metrics_of("ingest").read_bytes()
    ingest.main(read_params())
    assert paths.metrics_of("ingest").read_bytes() == first
