"""Reads times: numbers since 1970 in any unit, texts of many forms, and columns that are times."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from expectations.contracts.errors import UserError
from expectations.contracts.interaction_rules import EARLIEST, LATEST, TIME_RULE
from pipelines.sources.raw.cells import Cell, decode
from pipelines.sources.raw.one_line import shorten
from pipelines.sources.raw.tables import collect
from pipelines.sources.raw.text_times import ISO_EXAMPLE, read_patterns, read_texts
from pipelines.sources.raw.time_formats import TIME_FORMATS

SAMPLED_ROWS = 1000
"""From which the form of times is told; every row is checked against it afterwards."""
EPOCH_UNITS = {
    "epoch_seconds": 1_000_000.0,
    "epoch_milliseconds": 1_000.0,
    "epoch_microseconds": 1.0,
    "epoch_nanoseconds": 0.001,
    "epoch_days": 86_400_000_000.0,
}
"""Microseconds in one of each."""
GUESSED_UNITS = tuple(EPOCH_UNITS)[:4]
"""The years that data may be of lie in ranges of numbers that do not overlap."""
DIGITS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
EXACT_BYTES = 13
"""Of a number of seconds with an exponent: 1.72E+09 has lost its weeks in a spreadsheet."""
EXCEL_DAY_OF_1970 = 25_569
"""Days from 1899-12-30, where spreadsheets begin to count, to 1970-01-01."""
REMEDY = (
    "mend or drop those rows; if another form is meant, set dataset.files.time_format to one of "
    f"{', '.join(TIME_FORMATS)}, or to a pattern such as '%d/%m/%Y %H:%M'"
)


def read_times(frame: pl.LazyFrame, column: str, form: str, file: Path) -> Cell:
    """Return the reading of ``column`` as UTC times; unreadable cells become null.

    ``auto`` decides by the column's type, and for texts and numbers by their first rows: numbers
    are seconds, milli-, micro- or nanoseconds since 1970, whichever lies between 1980 and 2100,
    or digits such as 20240531235900. A later cell of another unit is not read.

    Args:
        frame: the raw table.
        column: of the times.
        form: ``dataset.files.time_format``.
        file: for errors.

    Raises:
        UserError: the column is no time, or its first rows are in no form that can be recognised.
    """
    dtype = frame.collect_schema()[column]
    if isinstance(dtype, pl.Datetime | pl.Date):
        return Cell(column, _from_temporal(column, dtype), f"every {column} is a time")
    if dtype.is_temporal() or dtype.is_nested() or dtype in (pl.Boolean, pl.Object):
        remedy = "export it as text, whole numbers or timestamps, or name another column"
        raise UserError(str(file), f"column {column!r} holds times", remedy, f"type {dtype}")
    cell = decode(pl.col(column)) if dtype == pl.Binary else pl.col(column)
    if not dtype.is_numeric():
        cell = cell.cast(pl.String).str.strip_chars()
    if form == "auto":
        form = _recognise(collect(frame.select(cell).head(SAMPLED_ROWS), file)[column], file)
    if "%" in form:
        rule = f"every {column} is written as {form}"
        return _text_cell(column, read_patterns(cell.cast(pl.String), [form]), rule, f"by {form}")
    if form == "iso":
        rule = f"every {column} is an ISO time such as {ISO_EXAMPLE}"
        became = "as text; UTC where it names no zone"
        return _text_cell(column, read_texts(cell.cast(pl.String)), rule, became)
    if form == "digits":
        whole = cell.cast(pl.Float64, strict=False).cast(pl.Int64, strict=False).cast(pl.String)
        rule = f"every {column} is a time of digits such as 20240531 or 20240531235900"
        read = read_patterns(whole, list(DIGITS.values()))
        return _text_cell(column, read, rule, "as digits, year first")
    if form == "excel_days":
        days = cell.cast(pl.Float64, strict=False) - EXCEL_DAY_OF_1970
        rule = f"every {column} is a number of days since 1900, as Excel counts"
        return _number_cell(column, _scale(days, EPOCH_UNITS["epoch_days"]), rule, "days of Excel")
    unit = form.removeprefix("epoch_")
    rule = f"every {column} is a number of {unit} since 1970"
    value = _from_epoch(cell, form)
    if not dtype.is_numeric():
        is_rounded = (cell.str.len_bytes() < EXACT_BYTES) & cell.str.contains("[eE]")
        value = pl.when(~is_rounded).then(value)
    return _number_cell(column, value, rule, f"{unit} since 1970")


def unit_of(number: float) -> str | None:
    """Return in which unit since 1970 a number is a time that data may be of; ``None`` in none."""
    for unit in GUESSED_UNITS:
        if EARLIEST.timestamp() <= number * EPOCH_UNITS[unit] / 1e6 < LATEST.timestamp():
            return unit
    return None


def _text_cell(column: str, value: pl.Expr, rule: str, became: str) -> Cell:
    return Cell(column, value, rule, REMEDY, became, _comment)


def _number_cell(column: str, value: pl.Expr, rule: str, became: str) -> Cell:
    is_sane = value.is_between(EARLIEST, LATEST, closed="left")
    sane = pl.when(is_sane).then(value)
    return Cell(column, sane, f"{rule}, and {TIME_RULE}", REMEDY, became, _comment)


def _comment(cell: str) -> str:
    """Return which unit a cell is in, for a reader who wonders why it was refused."""
    try:
        unit = unit_of(float(cell))
    except ValueError:
        return ""
    return f" ({unit.removeprefix('epoch_')})" if unit else ""


def _recognise(sample: pl.Series, file: Path) -> str:
    cells = sample.drop_nulls()
    numbers = cells.cast(pl.Float64, strict=False).drop_nulls()
    if 2 * len(numbers) <= len(cells):
        return "iso"
    forms = [unit_of(number) or _digits_of(number) for number in numbers]
    known = [form for form in forms if form is not None]
    if not known:
        rule = f"column {sample.name!r} holds times that can be recognised: {TIME_RULE}"
        shown = shorten(", ".join(str(cell) for cell in cells.head(3)))
        raise UserError(str(file), rule, REMEDY, f"the first ones: {shown}")
    return max(sorted(set(known)), key=known.count)


def _digits_of(number: float) -> str | None:
    """Return ``digits`` for a number such as 20240531, whose digits are a date, or a time too."""
    text = f"{number:.0f}"
    pattern = DIGITS.get(len(text))
    if pattern is None or not number.is_integer():
        return None
    read = pl.Series([text]).str.to_datetime(pattern, strict=False, time_zone="UTC")[0]
    return "digits" if read is not None and EARLIEST <= read < LATEST else None


def _from_temporal(column: str, dtype: pl.DataType) -> pl.Expr:
    time = pl.col(column).cast(pl.Datetime("us", getattr(dtype, "time_zone", None)))
    if getattr(dtype, "time_zone", None):
        return time.dt.convert_time_zone("UTC")
    return time.dt.replace_time_zone("UTC")


def _from_epoch(cell: pl.Expr, form: str) -> pl.Expr:
    if form == "epoch_nanoseconds":  # floats do not hold their digits
        exact = (cell.cast(pl.Int64, strict=False) // 1000).cast(pl.Datetime("us"))
        return pl.coalesce(
            exact.dt.replace_time_zone("UTC"),
            _scale(cell.cast(pl.Float64, strict=False), EPOCH_UNITS[form]),
        )
    return _scale(cell.cast(pl.Float64, strict=False), EPOCH_UNITS[form])


def _scale(count: pl.Expr, microseconds: float) -> pl.Expr:
    whole = (count * microseconds).round().cast(pl.Int64, strict=False)
    return whole.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
