"""Ids of every type that a file may hold: read for what they say, or refused by row and column."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.contracts.errors import UserError
from expectations.contracts.interaction_rules import MAX_ID_LENGTH, MISSING_MARKERS, is_id
from pipelines.sources.canonical import read_interactions, read_items
from pipelines.sources.config import FilesConfig
from pipelines.sources.files import scan_items, scan_log
from pipelines.sources.raw.cells import identifier
from pipelines.sources.raw.record import ReadingRecord

PARQUET = FilesConfig(items_file="items.parquet", interactions_file="log.parquet")
NOW = 1_717_199_941


def read_users(folder: Path, users: object) -> tuple[list[str], list[str]]:
    """Return what becomes of a column of user ids in Parquet, and what is said of it."""
    array = users if isinstance(users, pa.Array) else pl.Series(users).to_arrow()
    n_rows = len(array)
    table = pa.table(
        {"user_id": array, "item_id": ["i"] * n_rows, "timestamp": [NOW + n for n in range(n_rows)]}
    )
    pq.write_table(table, folder / "log.parquet")
    record = ReadingRecord()
    log = read_interactions(scan_log(folder / "log.parquet", PARQUET, record), None)
    return log.sort("timestamp")["user_id"].cast(pl.String).to_list(), record.notes


READ = {
    "text": (["a", "b"], ["a", "b"]),
    "text with blanks around it": ([" a", "b\t"], ["a", "b"]),
    "text with blanks in it": (["a b", "ü ß"], ["a b", "ü ß"]),
    "a dash first": (["-1", "--x"], ["-1", "--x"]),
    "integers": ([1, 20], ["1", "20"]),
    "leading zeros": (["007", "08"], ["007", "08"]),
    "8 bits": (pl.Series([1, 2], dtype=pl.UInt8), ["1", "2"]),
    "64 bits": ([2**63 - 1, 0], [str(2**63 - 1), "0"]),
    "whole floats": ([0.0, 1.0, 20.0], ["0", "1", "20"]),
    "whole floats of 32 bits": (pl.Series([0.0, 7.0], dtype=pl.Float32), ["0", "7"]),
    "negative floats": ([-3.0, 3.0], ["-3", "3"]),
    "the largest float": ([2.0**53 - 1, 0.0], [str(2**53 - 1), "0"]),
    "decimals": ([Decimal("12.00"), Decimal("7.00")], ["12", "7"]),
    "decimals beyond 64 bits": ([Decimal("98765432109876543210.0")], ["98765432109876543210"]),
    "categories": (pl.Series(["a", "b"], dtype=pl.Categorical), ["a", "b"]),
    "an enumeration": (pl.Series(["a", "b"], dtype=pl.Enum(["b", "a"])), ["a", "b"]),
    "a dictionary": (pa.array(["a", "b"]).dictionary_encode(), ["a", "b"]),
    "large text": (pa.array(["a", "b"], pa.large_string()), ["a", "b"]),
    "bytes of text": ([b"a", "ü".encode()], ["a", "ü"]),
    "booleans": ([True, False], ["true", "false"]),
    "texts that pandas made of floats": (["0.0", "1.0", "20.0"], ["0", "1", "20"]),
    "texts of which some look like floats": (["1.0", "v2", "3.0"], ["1.0", "v2", "3.0"]),
    "pandas' integers with a mask": (
        pa.Array.from_pandas(pd.array([1, 2], dtype="Int64")),
        ["1", "2"],
    ),
    "the longest": (["x" * MAX_ID_LENGTH, "y"], ["x" * MAX_ID_LENGTH, "y"]),
}


@pytest.mark.parametrize("kind", READ)
def test_ids_of_every_type_are_read_for_what_they_say(kind: str, tmp_path: Path) -> None:
    users, wanted = READ[kind]
    found, notes = read_users(tmp_path, users)
    assert found == wanted
    is_float = "float" in kind and "some" not in kind
    assert any("whole numbers" in note for note in notes) == (is_float or "decimals" in kind)


REFUSED = {
    "nothing": (["a", None], "every row has a user_id", "row 2: None"),
    "no number": ([1.0, None], "every user_id is a whole number", "row 2: None"),
    "NaN": ([1.0, float("nan")], "every user_id is a whole number", "row 2: nan"),
    "half a number": ([1.0, 2.5], "every user_id is a whole number", "row 2: 2.5"),
    "a float that has lost digits": (
        [1.0, 2.0**53 + 2],
        "floats lose the digits",
        "row 2: 9007199",
    ),
    "32 bits that have lost digits": (
        pl.Series([1.0, 2.0**25], dtype=pl.Float32),
        "floats lose the digits",
        "row 2: 33554432.0",
    ),
    "infinity": ([1.0, float("inf")], "every user_id is a whole number", "row 2: inf"),
    "half a decimal": ([Decimal("1.0"), Decimal("1.5")], "is a whole number", "row 2: Decimal"),
    "blanks alone": (["a", "  "], "every row has a user_id", "row 2: '  '"),
    "a tab within": (["a", "b\tc"], "no control", "row 2: 'b\\tc'"),
    "a line end within": (["a", "b\nc"], "no control", "row 2: 'b\\nc'"),
    "a zero byte": (["a", "b\0"], "no control", "row 2: 'b\\x00'"),
    "an escape": (["a", "\x1b[31mred"], "no control", "row 2: '\\x1b[31mred'"),
    "a mark of byte order": (["a", "\ufeffb"], "no control", "row 2: '\\ufeffb'"),
    "a line separator": (["a", "b\u2028c"], "no control", "row 2: 'b\\u2028c'"),
    "too long": (["a", "x" * 257], "at most 256 characters", "row 2: 'xxx"),
    "a marker of pandas": (["a", "NaN"], "every row has a user_id", "row 2: 'NaN'"),
    "a marker of MySQL": (["a", "\\N"], "every row has a user_id", "row 2: '\\\\N'"),
    "a marker of SQL": (["a", "NULL"], "every row has a user_id", "row 2: 'NULL'"),
    "what Excel leaves of a long number": (["a", "1.23457E+11"], "every row has", "row 2: '1.23"),
    "bytes that are no text": ([b"a", b"\xff\xfe"], "in UTF-8", "row 2: b'"),
    "a fraction beyond the rows looked at first": (
        ["1.0"] * 1_500 + ["2.5"],
        "every user_id is a whole number",
        "row 1501: '2.5'",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_an_id_that_is_none_is_named_by_row(kind: str, tmp_path: Path) -> None:
    users, rule, shown = REFUSED[kind]
    with pytest.raises(UserError) as caught:
        read_users(tmp_path, users)
    assert rule in caught.value.rule
    assert shown in caught.value.sample
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "column",
    [
        pl.Series("u", [["a"], ["b"]]),
        pl.Series("u", [{"id": 1}]),
        pl.Series("u", [pd.Timestamp("2024-05-31")]),
        pl.Series("u", [[1, 2]], dtype=pl.Array(pl.Int64, 2)),
        pl.Series("u", [pd.Timedelta(days=1)]),
    ],
    ids=lambda column: str(column.dtype),
)
def test_a_column_that_holds_no_ids_is_named_with_its_type(column: pl.Series) -> None:
    with pytest.raises(UserError, match=r"column 'u' holds ids \(found: type "):
        identifier("u", column, Path("log.parquet"))


def test_ids_of_a_catalogue_are_refused_by_row_too(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_text("item_id,title\na,A\n,B\nc,C\nNULL,D\n")
    with pytest.raises(UserError, match="row 2: None, row 4: 'NULL'"):
        read_items(scan_items(path, FilesConfig(), ReadingRecord()))


def test_floats_in_the_log_meet_integers_in_the_catalogue(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,title\n1,A\n2,B\n")
    (tmp_path / "log.csv").write_text(f"user_id,item_id,timestamp\n7.0,1.0,{NOW}\n8.0,2.0,{NOW}\n")
    record = ReadingRecord()
    items = read_items(scan_items(tmp_path / "items.csv", FilesConfig(), record))
    log = read_interactions(scan_log(tmp_path / "log.csv", FilesConfig(), record), None)
    assert set(log["item_id"].cast(pl.String)) == set(items["item_id"])
    assert log["user_id"].cast(pl.String).to_list() == ["7", "8"]
    assert "user_id is the user (floats read as whole numbers)" in " ".join(record.notes)


@given(st.text(max_size=300) | st.sampled_from(["a\u2028", *MISSING_MARKERS, "a\x85", "\u00a0"]))
def test_ingest_and_service_take_the_same_ids(text: str) -> None:
    cell = identifier("u", pl.Series("u", ["a"]), Path("log.csv"))
    assert cell.is_sound is not None
    value = pl.DataFrame({"u": [text]}).select(value=cell.value)
    is_taken = value["value"].item() is not None and value.select(cell.is_sound).item()
    if is_id(text):
        assert is_taken or "E+" in text.upper()  # a rounded number is no id in a file
    else:  # ingest takes the blanks around an id away, a service refuses them
        assert not is_taken or value["value"].item() == text.strip()


FEEDBACK = {
    "integers": ([1, 5], [1.0, 5.0]),
    "floats": ([0.5, None], [0.5, None]),
    "pandas' NaN is nothing": ([0.5, float("nan")], [0.5, None]),
    "decimals": ([Decimal("4.5"), Decimal("3.0")], [4.5, 3.0]),
    "booleans": ([True, False], [1.0, 0.0]),
    "text": (["4.5", " 3 "], [4.5, 3.0]),
    "booleans of pandas in text": (["True", "False"], [1.0, 0.0]),
    "booleans of Postgres in text": (["t", "f"], [1.0, 0.0]),
    "a word for yes": (["yes", "No"], [1.0, 0.0]),
    "empty text is nothing": (["4.5", ""], [4.5, None]),
    "markers of nothing": (["4.5", "NULL"], [4.5, None]),
    "MySQL's marker of nothing": (["4.5", "\\N"], [4.5, None]),
    "categories": (pl.Series(["4.5", "3"], dtype=pl.Categorical), [4.5, 3.0]),
}


def read_feedback(folder: Path, column: object) -> list[float | None]:
    series = column if isinstance(column, pl.Series) else pl.Series(column)
    frame = pl.DataFrame({"user_id": ["a", "b"], "item_id": ["i", "i"], "stars": series})
    frame.with_columns(timestamp=NOW).write_parquet(folder / "log.parquet")
    config = PARQUET.model_copy(update={"feedback": "stars"})
    log = read_interactions(scan_log(folder / "log.parquet", config, ReadingRecord()), None)
    return log["feedback"].to_list()


@pytest.mark.parametrize("kind", FEEDBACK)
def test_feedback_of_every_type_is_read(kind: str, tmp_path: Path) -> None:
    column, wanted = FEEDBACK[kind]
    assert read_feedback(tmp_path, column) == wanted


@pytest.mark.parametrize(
    "column", [[1.0, float("inf")], [1.0, 1e308], ["1", "1e308"], ["1", "lots"], ["1", "4,5"]]
)
def test_feedback_that_is_none_is_named_by_row(column: list[object], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"stars is a number or empty \(found: row 2"):
        read_feedback(tmp_path, column)


@pytest.mark.parametrize("column", [[[1.0], [2.0]], [{"a": 1}, {"a": 2}], [b"1", b"2"]])
def test_a_column_that_holds_no_feedback_is_named(column: list[object], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"column 'stars' holds numbers \(found: type"):
        read_feedback(tmp_path, column)
