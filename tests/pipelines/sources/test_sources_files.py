"""A team's own logs: every mapping gives the canonical tables; every fault has its line."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from expectations.contracts.errors import UserError
from pipelines.sources.canonical import in_pieces, read_interactions, read_items
from pipelines.sources.config import DatasetConfig, FilesConfig
from pipelines.sources.files import read_files
from pipelines.sources.raw.cells import identifier, number
from pipelines.sources.raw.tables import RawInteractions
from pipelines.sources.raw.times import read_times
from tests.worlds.sources import logs, write_logs

NEW_YEAR = datetime(2024, 1, 1, tzinfo=UTC)


def test_the_defaults_read_the_usual_names(tmp_path: Path) -> None:
    raw = read_files(write_logs(tmp_path, *logs()), FilesConfig())
    items, interactions = (
        read_items(raw.items),
        read_interactions(raw.interactions, None),
    )
    assert items["text"].to_list()[:4] == ["about, with comma", "", "", "d3"]
    assert items["category_path"].null_count() == items.height
    assert interactions["is_positive"].all()
    assert interactions["feedback"].null_count() == interactions.height
    assert interactions["timestamp"].min() == NEW_YEAR.replace(hour=8)


def test_other_names_feedback_and_categories_are_mapped(tmp_path: Path) -> None:
    items, log = logs()
    folder = write_logs(
        tmp_path, items.rename({"item_id": "sku", "title": "name"}), log.rename({"item_id": "sku"})
    )
    config = FilesConfig(
        item_id="sku", title="name", text=("name", "shelf"), category="shelf", feedback="stars"
    )
    raw = read_files(folder, config)
    table, interactions = (
        read_items(raw.items),
        read_interactions(raw.interactions, 4.0),
    )
    assert table["category_path"].to_list()[:4] == [["A", "B"], ["A"], None, ["C", "D", "E"]]
    assert table["text"].to_list()[1:3] == ["Item 1. A", "Item 2"]
    assert interactions["is_positive"].sum() == 12


def test_parquet_with_typed_columns_equals_csv(tmp_path: Path) -> None:
    items, log = logs()
    from_csv = read_files(write_logs(tmp_path / "csv", items, log), FilesConfig(feedback="stars"))
    typed = log.with_columns(
        pl.col("timestamp").str.to_datetime(time_zone="UTC"), pl.col("stars").cast(pl.Int8)
    )
    (tmp_path / "parquet").mkdir()
    items.write_parquet(tmp_path / "parquet" / "items.parquet")
    typed.write_parquet(tmp_path / "parquet" / "log.pq")
    config = FilesConfig(items_file="items.parquet", interactions_file="log.pq", feedback="stars")
    from_parquet = read_files(tmp_path / "parquet", config)
    catalogues = [read_items(raw.items) for raw in (from_csv, from_parquet)]
    assert catalogues[0].equals(catalogues[1])
    left = read_interactions(from_csv.interactions, 3.0)
    right = read_interactions(from_parquet.interactions, 3.0)
    assert left.equals(right)


def test_a_list_column_is_a_category_path(tmp_path: Path) -> None:
    items, log = logs()
    write_logs(tmp_path, items, log)
    lists = items.with_columns(shelf=pl.col("shelf").str.split(">"))
    lists.write_parquet(tmp_path / "items.parquet")
    raw = read_files(tmp_path, FilesConfig(items_file="items.parquet", category="shelf"))
    assert read_items(raw.items)["category_path"].to_list()[:3] == [
        ["A", "B"],
        ["A"],
        None,
    ]


def test_references_of_html_are_read_once_and_for_all(tmp_path: Path) -> None:
    items, log = logs()
    title = "8.5&rdquo; x&nbsp; 11&#34; H&amp;R, AT&amp;amp;T, R&D; a &lt; b"
    spoiled = items.with_columns(
        title=pl.lit(title), shelf=pl.lit("Pens &amp; Ink &gt; Caf&eacute;"), item_id="item_id"
    )
    raw = read_files(write_logs(tmp_path, spoiled, log), FilesConfig(category="shelf"))
    table = read_items(raw.items)
    assert table["title"][0] == '8.5” x 11" H&R, AT&T, R&D; a < b'
    assert table["category_path"][0].to_list() == ["Pens & Ink", "Café"]


def test_an_item_without_title_is_called_by_its_id(tmp_path: Path) -> None:
    items, log = logs()
    untitled = items.with_columns(title=pl.lit(None, pl.String))
    raw = read_files(write_logs(tmp_path, untitled, log), FilesConfig())
    assert read_items(raw.items)["title"].to_list() == [f"i{n}" for n in range(8)]


def test_a_byte_order_mark_and_another_delimiter_do_not_matter(tmp_path: Path) -> None:
    items, log = logs()
    items.write_csv(tmp_path / "items.csv", separator=";", include_bom=True)
    log.write_csv(tmp_path / "interactions.csv", separator=";", include_bom=True)
    raw = read_files(tmp_path, FilesConfig(delimiter=";"))
    assert read_interactions(raw.interactions, None).height == log.height
    assert read_items(raw.items).height == items.height


@pytest.mark.parametrize(
    "cells",
    [
        ["2024-01-01T00:00:00Z"],
        ["2024-01-01"],
        ["2024-01-01 00:00:00", "2024-01-01T00:00"],
        ["2024-01-01T02:00:00+02:00", "2023-12-31T19:00:00.000-0500"],
        ["1704067200", " 1704067200.0"],
        ["1704067200000"],
        [1704067200],
        [1704067200000],
        [1704067200.0],
        [date(2024, 1, 1)],
        [datetime(2024, 1, 1)],
    ],
)
def test_a_time_is_read_in_every_form(cells: list[object]) -> None:
    frame = pl.LazyFrame({"timestamp": cells})
    cell = read_times(frame, "timestamp", "auto", Path("log.csv"))
    read = frame.select(cell.value).collect().to_series()
    assert read.dtype == pl.Datetime("us", "UTC")
    assert read.to_list() == [NEW_YEAR] * len(cells)


def test_a_column_in_another_zone_becomes_utc() -> None:
    local = pl.LazyFrame({"t": [NEW_YEAR]}).with_columns(
        pl.col("t").dt.convert_time_zone("Asia/Tokyo")
    )
    cell = read_times(local, "t", "auto", Path("log.parquet"))
    assert local.select(cell.value).collect().item() == NEW_YEAR


def test_a_named_form_overrules_the_guess() -> None:
    frame = pl.LazyFrame({"t": ["1704067200"]})
    cell = read_times(frame, "t", "epoch_milliseconds", Path("log.csv"))
    assert frame.select(cell.value).collect().item() is None  # that would be 1970
    assert "number of milliseconds" in cell.rule


def log_of(rows: list[tuple[str, str, int, float | None]]) -> RawInteractions:
    frame = pl.LazyFrame(
        rows,
        schema={"u": pl.String, "i": pl.String, "t": pl.Int64, "f": pl.Float64},
        orient="row",
    )
    path = Path("log.csv")
    frame = frame.with_columns(pl.col("t") + 1_700_000_000)
    times = read_times(frame, "t", "epoch_seconds", path)
    sample = frame.collect()
    ids = [identifier(name, sample[name], path) for name in ("u", "i")]
    return RawInteractions(path, frame, *ids, times, number("f", pl.Float64(), path))


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "10", "9"]),
        st.sampled_from(["x", "y"]),
        st.integers(0, 3),
        st.none() | st.sampled_from([1.0, 2.0, 3.0]),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_the_tables_do_not_depend_on_the_order_of_rows(rows, random) -> None:  # noqa: ANN001
    table = read_interactions(log_of(rows), 2.0)
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert read_interactions(log_of(shuffled), 2.0).equals(table)
    keys = list(table.select("user_id", "timestamp", "item_id").cast({pl.Enum: pl.String}).rows())
    assert keys == sorted({(user, time, item) for user, time, item in keys})
    assert {(user, item) for user, _, item in keys} == {(row[0], row[1]) for row in rows}


@settings(max_examples=60, deadline=None)
@given(ROWS, st.integers(1, 9))
def test_pieces_hold_every_row_once_and_cut_no_user(rows, size) -> None:  # noqa: ANN001
    table = read_interactions(log_of(rows), None)
    pieces = list(in_pieces(table, size))
    assert pl.concat(pieces).equals(
        table.with_columns(pl.col("user_id", "item_id").cast(pl.String))
    )
    users = [user for piece in pieces for user in piece["user_id"].unique().to_list()]
    assert len(users) == len(set(users))


def test_of_repeated_rows_the_best_feedback_stays() -> None:
    raw = log_of([("a", "x", 1, 1.0), ("a", "x", 1, 5.0), ("a", "x", 1, None)])
    table = read_interactions(raw, 4)
    assert table["feedback"].to_list() == [5.0]
    assert table["is_positive"].to_list() == [True]
    assert raw.record.counts == {"rows_repeated": 2}
    assert raw.record.notes == ["log.csv: merged 2 rows that repeat user, item and time"]


def test_no_feedback_counts_as_positive() -> None:
    table = read_interactions(log_of([("a", "x", 1, None), ("a", "x", 2, 1.0)]), 4.0)
    assert table["is_positive"].to_list() == [True, False]


def test_feedback_that_is_no_number_is_named(tmp_path: Path) -> None:
    items, log = logs()
    spoilt = log.with_columns(
        stars=pl.when(pl.int_range(30) == 6).then(pl.lit("lots")).otherwise("stars")
    )
    raw = read_files(write_logs(tmp_path, items, spoilt), FilesConfig(feedback="stars"))
    with pytest.raises(UserError, match=r"stars is a number or empty \(found: row 7: 'lots'\)"):
        read_interactions(raw.interactions, 4.0)


def test_a_threshold_without_feedback_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"dataset\.files\.feedback"):
        DatasetConfig(source="files", path=".", positive_threshold=3.0)


@pytest.mark.data
def test_amazon_office_needs_no_settings(real_data: Path) -> None:
    raw = read_files(real_data / "amazon-office", FilesConfig())
    assert read_items(raw.items).height == 3459
    assert read_interactions(raw.interactions, None).height == 22_447
