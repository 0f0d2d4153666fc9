"""Times as databases and tools export them: read to the microsecond, or refused in one line."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from expectations.contracts.errors import UserError
from expectations.contracts.interaction_rules import EARLIEST, LATEST
from pipelines.sources.canonical import read_interactions
from pipelines.sources.config import TIME_FORMATS, FilesConfig
from pipelines.sources.files import scan_log
from pipelines.sources.raw.record import ReadingRecord
from pipelines.sources.raw.times import read_times

MOMENT = datetime(2024, 5, 31, 23, 59, 1, tzinfo=UTC)
FINE = MOMENT.replace(microsecond=123456)
DAY = datetime(2024, 5, 31, tzinfo=UTC)
LOG = Path("log.csv")


def read(cells: object, form: str = "auto") -> list[datetime | None]:
    """Return what becomes of a column of cells, or of the series that is given."""
    column = cells if isinstance(cells, pl.Series) else pl.Series(cells)
    frame = column.alias("t").to_frame().lazy()
    cell = read_times(frame, "t", form, LOG)
    found = frame.select(cell.value).collect().to_series()
    assert found.dtype == pl.Datetime("us", "UTC")
    return found.to_list()


TEXTS = {
    "ISO with Z": ("2024-05-31T23:59:01Z", MOMENT),
    "ISO with a blank": ("2024-05-31 23:59:01", MOMENT),
    "ISO in small letters": ("2024-05-31t23:59:01z", MOMENT),
    "an offset with colon": ("2024-06-01T01:59:01+02:00", MOMENT),
    "an offset without": ("2024-06-01T01:59:01+0200", MOMENT),
    "an offset of hours (Postgres)": ("2024-06-01 01:59:01+02", MOMENT),
    "an offset behind a blank (SQL Server)": ("2024-06-01 01:59:01.1234560 +02:00", FINE),
    "an offset behind a blank, no colon (Snowflake)": ("2024-06-01 01:59:01.123456 +0200", FINE),
    "a negative offset": ("2024-05-31 18:29:01-05:30", MOMENT),
    "UTC behind a blank (BigQuery)": ("2024-05-31 23:59:01.123456 UTC", FINE),
    "UTC at once": ("2024-05-31 23:59:01UTC", MOMENT),
    "GMT": ("2024-05-31 23:59:01 GMT", MOMENT),
    "Z behind a blank": ("2024-05-31 23:59:01 Z", MOMENT),
    "microseconds (Postgres, MySQL)": ("2024-05-31 23:59:01.123456", FINE),
    "nanoseconds (pandas, Go)": ("2024-05-31T23:59:01.123456789Z", FINE),
    "ten digits": ("2024-05-31T23:59:01.1234567890Z", FINE),
    "milliseconds (JavaScript)": (
        "2024-05-31T23:59:01.123Z",
        MOMENT.replace(microsecond=123000),
    ),
    "a comma before the fraction (Python's logging)": ("2024-05-31 23:59:01,123456", FINE),
    "the zone named once more (Java)": ("2024-06-01T01:59:01+02:00[Europe/Berlin]", MOMENT),
    "UTC named once more (Java)": ("2024-05-31T23:59:01Z[UTC]", MOMENT),
    "minutes": ("2024-05-31T23:59", MOMENT.replace(second=0)),
    "minutes with a zone": ("2024-05-31T23:59Z", MOMENT.replace(second=0)),
    "the day alone": ("2024-05-31", DAY),
    "the day, year first, slashes": ("2024/05/31", DAY),
    "the day, year first, dots": ("2024.05.31", DAY),
    "slashes and a time": ("2024/05/31 23:59:01", MOMENT),
    "no leading zeros": ("2024-5-31 23:59:01", MOMENT),
    "basic ISO": ("20240531T235901Z", MOMENT),
    "basic ISO without a zone": ("20240531T235901", MOMENT),
    "with AM and PM": ("2024-05-31 11:59:01 PM", MOMENT),
    "mail (RFC 2822)": ("Fri, 31 May 2024 23:59:01 +0000", MOMENT),
    "HTTP": ("Fri, 31 May 2024 23:59:01 GMT", MOMENT),
    "JavaScript's toString": (
        "Sat Jun 01 2024 01:59:01 GMT+0200 (Central European Summer Time)",
        MOMENT,
    ),
    "C's ctime": ("Fri May 31 23:59:01 2024", MOMENT),
    "Java's Date": ("Fri May 31 23:59:01 UTC 2024", MOMENT),
    "Apache's log": ("31/May/2024:23:59:01 +0000", MOMENT),
    "a month by name": ("31 May 2024 23:59:01", MOMENT),
    "Oracle, four digits of the year": ("31-MAY-2024 23:59:01", MOMENT),
    "an American day by name": ("May 31, 2024", DAY),
    "an American time by name": ("May 31, 2024, 11:59:01 PM", MOMENT),
    "Oracle as it comes": ("31-MAY-24 11.59.01.123456 PM", FINE),
    "Oracle with a zone": ("01-JUN-24 01.59.01.123456 AM +02:00", FINE),
    "Oracle by the clock of 24 hours": ("31-May-24 23.59.01", MOMENT),
    "a day of Oracle": ("31-MAY-24", DAY),
    "Trino's named zone": ("2024-06-01 01:59:01.123456 Europe/Berlin", FINE),
    "a named zone in winter's half": ("2024-05-31 18:59:01 America/Bogota", MOMENT),
    "MongoDB": ('{"$date":"2024-05-31T23:59:01Z"}', MOMENT),
    "MongoDB's number": (
        '{"$date": {"$numberLong": "1717199941123"}}',
        MOMENT.replace(microsecond=123000),
    ),
    "MongoDB's shell": ('ISODate("2024-05-31T23:59:01Z")', MOMENT),
    ".NET": ("/Date(1717199941123)/", MOMENT.replace(microsecond=123000)),
    ".NET with a zone": ("/Date(1717199941000+0200)/", MOMENT),
    "blanks around it": ("  2024-05-31 23:59:01  ", MOMENT),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_texts_of_databases_and_programs_are_read(kind: str) -> None:
    text, moment = TEXTS[kind]
    assert read([text]) == [moment]
    assert read(["2024-05-31T23:59:01Z", text, None]) == [MOMENT, moment, None]


NUMBERS = {
    "seconds": (["1717199941"], MOMENT),
    "milliseconds": (["1717199941000"], MOMENT),
    "microseconds": (["1717199941123456"], FINE),
    "nanoseconds": (["1717199941123456789"], FINE),
    "seconds as a float": (["1717199941.0"], MOMENT),
    "seconds with a fraction": (["1717199941.123456"], FINE),
    "microseconds as a float": (["1717199941123456.0"], FINE),
    "scientific, every digit": (["1.717199941e9"], MOMENT),
    "the day in digits": (["20240531"], DAY),
    "minutes in digits": (["202405312359"], MOMENT.replace(second=0)),
    "seconds in digits (MySQL)": (["20240531235901"], MOMENT),
    "the day as a float": (["20240531.0"], DAY),
    "integers": ([1717199941], MOMENT),
    "milliseconds as integers": ([1717199941000], MOMENT),
    "microseconds as integers": ([1717199941123456], FINE),
    "nanoseconds as integers": ([1717199941123456789], FINE),
    "floats": ([1717199941.123456], FINE),
    "digits as integers": ([20240531], DAY),
    "decimals": ([Decimal("1717199941.123456")], FINE),
    "32 bits": (pl.Series([1717199941], dtype=pl.Int32), MOMENT),
    "without a sign": (pl.Series([1717199941000], dtype=pl.UInt64), MOMENT),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_are_recognised_by_their_size(kind: str) -> None:
    cells, moment = NUMBERS[kind]
    assert read(cells) == [moment]


TYPED = {
    "milliseconds": pl.Series([MOMENT]).dt.cast_time_unit("ms"),
    "microseconds": pl.Series([MOMENT]).dt.cast_time_unit("us"),
    "nanoseconds": pl.Series([MOMENT]).dt.cast_time_unit("ns"),
    "without a zone": pl.Series([MOMENT.replace(tzinfo=None)]),
    "of Tokyo": pl.Series([MOMENT]).dt.convert_time_zone("Asia/Tokyo"),
    "of New York, nanoseconds": pl.Series([MOMENT])
    .dt.convert_time_zone("America/New_York")
    .dt.cast_time_unit("ns"),
    "bytes of text": pl.Series([b"2024-05-31T23:59:01Z"]),
    "a category of texts": pl.Series(["2024-05-31T23:59:01Z"], dtype=pl.Categorical),
    "numpy": pl.from_pandas(pd.Series(np.array(["2024-05-31T23:59:01"], "datetime64[s]"))),
    "pandas": pl.from_pandas(pd.Series([pd.Timestamp("2024-06-01 01:59:01", tz="Europe/Rome")])),
}


@pytest.mark.parametrize("kind", TYPED)
def test_columns_that_are_times_are_read(kind: str, tmp_path: Path) -> None:
    assert read(TYPED[kind]) == [MOMENT]
    TYPED[kind].alias("t").to_frame().write_parquet(tmp_path / "log.parquet")
    assert read(pl.read_parquet(tmp_path / "log.parquet")["t"]) == [MOMENT]


def test_days_of_parquet_are_read() -> None:
    assert read([date(2024, 5, 31)]) == [DAY]


@pytest.mark.parametrize(
    ("form", "cell", "moment"),
    [
        ("epoch_days", "19874", DAY),
        ("excel_days", "45443", DAY),
        ("excel_days", "45443.9993171296", MOMENT),
        ("epoch_seconds", "1717199941", MOMENT),
        ("epoch_milliseconds", "1717199941000", MOMENT),
        ("epoch_microseconds", "1717199941000000", MOMENT),
        ("epoch_nanoseconds", "1717199941000000000", MOMENT),
        ("iso", "2024-05-31T23:59:01Z", MOMENT),
        ("%d/%m/%Y", "31/05/2024", DAY),
        ("%m/%d/%Y %I:%M:%S %p", "05/31/2024 11:59:01 PM", MOMENT),
        ("%d.%m.%Y %H:%M:%S", "31.05.2024 23:59:01", MOMENT),
        ("%d-%b-%y %H:%M:%S%z", "01-Jun-24 01:59:01+0200", MOMENT),
    ],
)
def test_a_named_form_reads_what_nobody_can_guess(form: str, cell: str, moment: datetime) -> None:
    config = FilesConfig(time_format=form)
    (found,) = read([cell], config.time_format)
    assert found is not None
    assert abs(found - moment) < timedelta(milliseconds=10)  # Excel's days are floats


@pytest.mark.parametrize("form", ["epoch", "seconds", "ISO", "dd/mm/yyyy", ""])
def test_a_form_that_does_not_exist_is_refused_with_those_that_do(form: str) -> None:
    with pytest.raises(ValidationError, match="epoch_microseconds"):
        FilesConfig(time_format=form)


def log_error(tmp_path: Path, cells: list[object]) -> str:
    """Return the one line that a log with these times ends in."""
    rows = "".join(f"u{n % 2},i1,{cell}\n" for n, cell in enumerate(cells))
    path = tmp_path / "log.csv"
    path.write_text("user_id,item_id,timestamp\n" + rows)
    with pytest.raises(UserError) as caught:
        read_interactions(scan_log(path, FilesConfig(), ReadingRecord()), None)
    line = str(caught.value)
    assert line.isprintable()
    for option in TIME_FORMATS:  # each named option exists
        assert option in line
    assert "dataset.files.time_format" in line
    return line


UNREAD = {
    "zones that do not exist": (["2024-05-31 23:59:01 Mars/Olympus"], "Mars/Olympus"),
    "before our era": (["17", "18"], "17, 18"),
    "an order of rows": (list(range(5)), "0, 1, 2"),
    "days of Excel, or since 1970": (["45443.5"], "45443.5"),
    "the year 3000": (["32503680000"], "32503680000"),
    "a negative time": (["-5"], "-5"),
    "what a spreadsheet rounds": (["2024-05-31", "1.72E+09"], "row 2: '1.72E+09'"),
    "rounded milliseconds": (["1717199941", "1.7172E+12"], "row 2: '1.7172E+12'"),
    "too many digits": (["17171999411234567890123"], "17171999411234567890123"),
    "day and month as numbers": (["31/05/2024"], "row 1: '31/05/2024'"),
    "two digits of the year": (["31/05/24"], "row 1: '31/05/24'"),
    "a zone by name": (["2024-05-31 23:59:01 CET"], "row 1: '2024-05-31 23:59:01 CET'"),
    "MySQL's nothing": (["0000-00-00 00:00:00"], "row 1: '0000-00-00 00:00:00'"),
    "a day that is none": (["2023-02-29"], "row 1: '2023-02-29'"),
    "a word": (["yesterday"], "row 1: 'yesterday'"),
    "nothing": (["2024-05-31", ""], "row 2: None"),
    "a year": (["2024-05-31", "2024"], "row 2: '2024'"),
    "thousands apart": (['"1,717,199,941"'], "row 1: '1,717,199,941'"),
}


@pytest.mark.parametrize("kind", UNREAD)
def test_what_cannot_be_read_ends_in_one_line_with_the_options(kind: str, tmp_path: Path) -> None:
    cells, shown = UNREAD[kind]
    assert shown in log_error(tmp_path, list(cells))


MIXED = {
    "one in milliseconds": ("1717199941", 7, "1717199941000", "(milliseconds)"),
    "one in microseconds": ("1717199941", 0, "1717199941000000", "(microseconds)"),
    "one in nanoseconds": ("1717199941000", 49, "1717199941000000000", "(nanoseconds)"),
    "one in seconds": ("1717199941000000", 20, "1717199941", "(seconds)"),
    "one of 1970": ("1717199941", 3, "0", "'0'"),
    "one of the year 3000": ("1717199941", 3, "32503680000", "'32503680000'"),
    "one ISO": ("1717199941", 8, "2024-05-31T23:59:01Z", "'2024-05-31T23:59:01Z'"),
    "one number among ISO": ("2024-05-31T23:59:01Z", 8, "1717199941", "(seconds)"),
    "one day in digits": ("1717199941", 5, "20240531", "'20240531'"),
}


@pytest.mark.parametrize("kind", MIXED)
def test_a_cell_of_another_unit_is_named_by_row_and_value(kind: str, tmp_path: Path) -> None:
    usual, place, odd, words = MIXED[kind]
    cells: list[object] = [usual] * 50
    cells[place] = odd
    line = log_error(tmp_path, cells)
    assert f"row {place + 1}: {odd!r}" in line
    assert words in line


def test_a_cell_of_another_unit_far_down_is_found(tmp_path: Path) -> None:
    cells: list[object] = ["1717199941"] * 5_000
    cells[4_321] = "1717199941000"
    assert "row 4322: '1717199941000' (milliseconds)" in log_error(tmp_path, cells)


@pytest.mark.parametrize(
    "column",
    [
        pl.Series([time(12, 0)]),
        pl.Series([timedelta(days=3)]),
        pl.Series([True]),
        pl.Series([[1717199941]]),
        pl.Series([{"seconds": 1717199941}]),
    ],
    ids=str,
)
def test_a_column_that_is_no_time_is_named_with_its_type(column: pl.Series) -> None:
    with pytest.raises(UserError, match=r"column 't' holds times \(found: type"):
        read(column)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["1717199941"], "seconds since 1970"),
        (["1717199941000"], "milliseconds since 1970"),
        (["1717199941000000"], "microseconds since 1970"),
        (["1717199941000000000"], "nanoseconds since 1970"),
        (["20240531"], "as digits, year first"),
        (["2024-05-31"], "UTC where it names no zone"),
    ],
)
def test_what_was_recognised_is_said(cells: list[str], words: str, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(f"user_id,item_id,timestamp\nu,i,{cells[0]}\n")
    record = ReadingRecord()
    scan_log(path, FilesConfig(), record)
    assert any(words in note for note in record.notes)


@settings(max_examples=200, deadline=None)
@given(
    moments=st.lists(
        st.datetimes(EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None)).filter(
            lambda moment: moment.replace(tzinfo=UTC) < LATEST
        ),
        min_size=1,
        max_size=20,
    ),
    unit=st.sampled_from(["s", "ms", "us", "ns", "iso"]),
    is_text=st.booleans(),
)
def test_every_time_of_our_era_comes_back(
    moments: list[datetime], unit: str, is_text: bool
) -> None:
    steps = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": 1, "iso": 1}[unit]
    whole = [
        datetime(1970, 1, 1) + _us(moment) // steps * timedelta(microseconds=steps)
        for moment in moments
    ]
    if unit == "iso":
        cells: list[object] = [moment.isoformat() for moment in whole]
    else:
        factor = {"ns": 1_000}.get(unit, 1)
        cells = [_us(moment) // steps * factor for moment in whole]
        cells = [str(cell) for cell in cells] if is_text else cells
    assert read(cells) == [moment.replace(tzinfo=UTC) for moment in whole]


def _us(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1)) // timedelta(microseconds=1)
