"""Reads times: ISO texts, seconds or milliseconds since 1970, and columns that are times."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from pipelines.sources.config import TimeFormat
from pipelines.sources.raw_tables import Cell, collect

SAMPLED_ROWS = 1000
FIRST_MILLISECONDS = 1e11  # as seconds that is the year 5138, as milliseconds 1973
MICROSECONDS_PER = {"epoch_seconds": 1_000_000, "epoch_milliseconds": 1_000}

# With a zone; without one; to the minute; the day alone.
ISO_FORMATS = ("%+", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d")


def read_times(frame: pl.LazyFrame, column: str, form: TimeFormat, file: Path) -> Cell:
    """Return the reading of ``column`` as UTC times; unreadable cells become null.

    ``auto`` decides by the column's type, and for texts and numbers by their first rows: all
    numbers are an epoch, in milliseconds if they are too large for seconds.
    """
    dtype = frame.collect_schema()[column]
    if dtype.is_temporal():
        return Cell(column, _from_temporal(column, dtype), f"every {column} is a time")
    if form == "auto":
        form = _guess_form(collect(frame.select(column).head(SAMPLED_ROWS), file)[column])
    if form == "iso":
        rule = f"every {column} is an ISO time such as 2024-05-31T23:59:00Z"
        return Cell(column, _from_iso(column), rule)
    unit = form.removeprefix("epoch_")
    rule = f"every {column} is a number of {unit} since 1970"
    cell = pl.col(column).str.strip_chars() if dtype == pl.String else pl.col(column)
    return Cell(column, _from_epoch(cell, MICROSECONDS_PER[form]), rule)


def _from_temporal(column: str, dtype: pl.DataType) -> pl.Expr:
    time = pl.col(column).cast(pl.Datetime("us", getattr(dtype, "time_zone", None)))
    if getattr(dtype, "time_zone", None):
        return time.dt.convert_time_zone("UTC")
    return time.dt.replace_time_zone("UTC")


def _from_iso(column: str) -> pl.Expr:
    text = pl.col(column).cast(pl.String).str.strip_chars().str.replace(" ", "T", literal=True)
    return pl.coalesce(
        text.str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False)
        for form in ISO_FORMATS
    )


def _from_epoch(cell: pl.Expr, microseconds: int) -> pl.Expr:
    count = cell.cast(pl.Float64, strict=False)
    whole = (count * microseconds).round().cast(pl.Int64, strict=False)
    return whole.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _guess_form(sample: pl.Series) -> TimeFormat:
    cells = sample.drop_nulls()
    if cells.dtype == pl.String:
        cells = cells.str.strip_chars()
    numbers = cells.cast(pl.Float64, strict=False).drop_nulls()
    if 2 * len(numbers) <= len(cells):
        return "iso"
    largest = float(numbers.abs().median() or 0)  # type: ignore[arg-type]
    return "epoch_milliseconds" if largest >= FIRST_MILLISECONDS else "epoch_seconds"
