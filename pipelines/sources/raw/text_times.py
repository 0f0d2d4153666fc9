"""Reads times that are texts: ISO and what databases, logs and programs write in its stead."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import available_timezones

import polars as pl

TIME = pl.Datetime("us", "UTC")
ISO_EXAMPLE = "2024-05-31T23:59:00Z"

# With a zone; without one; to the minute; the day alone.
ISO_FORMATS = ("%+", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d")

MARKED_SECONDS = r"^@(\d+\.\d+)$"
"""What becomes of milliseconds that some program marks as a time."""
NAMED_ZONE = r"^(?<local>\d.*\d) (?<zone>[A-Z][A-Za-z]+/[\w/+\-]+)$"
"""As ``2024-05-31 23:59:01 Europe/Berlin``."""

# what becomes of texts that are not ISO yet, in this order
REWRITES = (
    (r'^\{\s*"\$date"\s*:\s*"([^"]+)"\s*\}$', "$1"),  # MongoDB
    (r'^\{\s*"\$date"[\s:{"$a-zA-Z]*(\d{10})(\d{3})["\s}]*$', "@$1.$2"),  # its milliseconds
    (r"""(?i)^ISODate\(['"]([^'"]+)['"]\)$""", "$1"),
    (r"^\\?/Date\((\d{10})(\d{3})(?:[+-]\d{4})?\)\\?/$", "@$1.$2"),  # the same of .NET
    (r"(?i)^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*[,.]?\s+", ""),
    (r"\s*[\[(][A-Za-z][\w/+\- ]*[\])]$", ""),  # Java and JavaScript name the zone once more
    (r"(?i)\s*(?:GMT|UTC)([+-]\d)", "$1"),
    (r"(?i)\s*(?:UTC|GMT|Z)( \d{4})?$", "$1+00:00"),
    (r"(?i)^([a-z]{3}) +(\d{1,2}) (\d\d:\d\d:\d\d) (\d{4})(\+00:00)?$", "$2 $1 $4 $3$5"),  # ctime
    (r"(?i)^([a-z]{3,9})\.? +(\d{1,2}),? +(\d{4}),?", "$2 $1 $3"),
    (r"(?i)^(\d{1,2}-[a-z]{3}-)([0-4]\d)( |$)", "${1}20$2$3"),  # Oracle: 50 to 99 are of 1900
    (r"(?i)^(\d{1,2}-[a-z]{3}-)([5-9]\d)( |$)", "${1}19$2$3"),
    (r"(?i)^(\d{1,2})[/ -]([a-z]{3,9})[/ -](\d{4})[: T,]*", "$1 $2 $3 "),
    (r"^(\d{1,2} [A-Za-z]{3,9} \d{4}) +(\d\d)\.(\d\d)\.(\d\d)", "$1 $2:$3:$4"),  # Oracle
    (r"^(\d{4})[/.](\d{1,2})[/.](\d{1,2})", "$1-$2-$3"),
    (r"^(\d{4}-\d{1,2}-\d{1,2})[ Tt_]+", "${1}T"),
    (r"(:\d\d),(\d)", "$1.$2"),
    (r"(\.\d{9})\d+", "$1"),
    (r"\s+([+-]\d\d)", "$1"),
    (r"\s+$", ""),
)
OTHER_FORMATS = (
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M%#z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d",
    "%Y-%m-%dT%I:%M:%S%.f %p",
    "%Y-%m-%dT%I:%M %p",
    "%Y%m%dT%H%M%S%.f%#z",
    "%Y%m%dT%H%M%S%.f",
    "%d %B %Y %H:%M:%S%.f%#z",
    "%d %B %Y %H:%M:%S%.f",
    "%d %B %Y %I:%M:%S%.f %p%#z",
    "%d %B %Y %I:%M:%S%.f %p",
    "%d %B %Y %H:%M",
    "%d %B %Y",
)


def read_texts(text: pl.Expr) -> pl.Expr:
    """Return the times of texts without blanks around them; null where there is none.

    A text without a zone is UTC. Days and months given as numbers are read where the year stands
    first; elsewhere nobody can tell which is which.
    """
    return text.map_batches(_read, return_dtype=TIME, is_elementwise=True)


def read_patterns(text: pl.Expr, patterns: Sequence[str]) -> pl.Expr:
    """Return the times of texts by the first of the patterns of ``strptime`` that fits."""
    return text.map_batches(
        lambda cells: _first_of(cells, patterns), return_dtype=TIME, is_elementwise=True
    )


def _read(cells: pl.Series) -> pl.Series:
    times = _first_of(cells.str.replace(" ", "T", literal=True), ISO_FORMATS)
    if times.null_count() == cells.null_count():
        return times
    times = _fill(times, _read_zoned(cells.filter(times.is_null())))
    left = cells.filter(times.is_null())
    for pattern, replacement in REWRITES:
        left = left.str.replace(pattern, replacement)
    marked = left.str.extract(MARKED_SECONDS).cast(pl.Float64) * 1_000_000
    found = _first_of(left.str.replace(r"\s+", " "), OTHER_FORMATS)
    return _fill(times, marked.cast(pl.Int64).cast(TIME).zip_with(marked.is_not_null(), found))


def _read_zoned(cells: pl.Series) -> pl.Series:
    """Return the times of texts that end with the name of a zone, as Trino writes them."""
    parts = cells.str.extract_groups(NAMED_ZONE).struct.unnest()
    times = pl.Series(cells.name, [None], dtype=TIME).new_from_index(0, len(cells))
    for zone in parts["zone"].drop_nulls().unique():
        if zone not in available_timezones():
            continue
        rows = (parts["zone"] == zone).fill_null(False).arg_true()
        local = _first_of(parts["local"].gather(rows).str.replace(" ", "T"), ISO_FORMATS)
        there = local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        times = times.scatter(rows, there.dt.convert_time_zone("UTC"))
    return times


def _first_of(cells: pl.Series, patterns: Sequence[str]) -> pl.Series:
    """Return the times by the first pattern that fits each; a pattern sees what is still left."""
    times = pl.Series(cells.name, [None], dtype=TIME).new_from_index(0, len(cells))
    for pattern in patterns:
        left = cells if times.null_count() == len(times) else cells.filter(times.is_null())
        if left.null_count() == len(left):
            break
        has_zone = "%z" in pattern or "%#z" in pattern or "%+" in pattern
        read = left.str.to_datetime(pattern, time_unit="us", time_zone="UTC", strict=False)
        times = _fill(times, read if has_zone else read.cast(TIME))
    return times


def _fill(times: pl.Series, found: pl.Series) -> pl.Series:
    """Return ``times`` with its nulls replaced by ``found``, in order."""
    if len(found) == len(times):
        return found.rename(times.name)
    unread = times.is_null().arg_true()
    return times.scatter(unread, found)
