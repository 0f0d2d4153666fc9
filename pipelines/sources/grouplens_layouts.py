"""The three layouts in which GroupLens has published MovieLens, and how to scan each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import polars as pl

from expectations.contracts.errors import UserError
from pipelines.sources.raw.csv_text import CsvForm
from pipelines.sources.raw.one_line import shorten
from pipelines.sources.raw.record import ReadingRecord
from pipelines.sources.raw.tables import scan_raw

RATING_COLUMNS = ("userId", "movieId", "rating", "timestamp")
TAG_COLUMNS = ("userId", "movieId", "tag", "timestamp")
FILM_COLUMNS = ("movieId", "title", "genres")

# in the order of the flags of u.item, which u.genre repeats
GENRES_OF_100K = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime"),
    *("Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance"),
    *("Sci-Fi", "Thriller", "War", "Western"),
)
FIELDS_BEFORE_GENRES = 5
"""Of u.item in MovieLens 100K: id, title, release, video release, URL (its README)."""


class Layout(Protocol):
    """How one layout's files are called and scanned; frames have the columns named above."""

    @property
    def ratings_file(self) -> str:
        """Name of the log."""

    @property
    def items_file(self) -> str:
        """Name of the catalogue."""

    @property
    def tags_file(self) -> str | None:
        """Name of the file of tags, which may be absent; ``None`` where the layout has none."""

    def scan_ratings(self, folder: Path, record: ReadingRecord) -> pl.LazyFrame:
        """Return userId, movieId, rating, timestamp as texts."""

    def scan_items(self, folder: Path, record: ReadingRecord) -> pl.LazyFrame:
        """Return movieId, title, genres as texts; genres separated by ``|``."""

    def scan_tags(self, folder: Path, record: ReadingRecord) -> pl.LazyFrame | None:
        """Return userId, movieId, tag, timestamp as texts; ``None`` where there are no tags."""


@dataclass(frozen=True)
class CsvLayout:
    """latest-small, latest, 20M, 25M, 32M: CSV files with a header."""

    ratings_file: str = "ratings.csv"
    items_file: str = "movies.csv"
    tags_file: str = "tags.csv"

    def scan_ratings(self, folder: Path, record: ReadingRecord) -> pl.LazyFrame:
        """See :class:`Layout`."""
        return scan_raw(folder / self.ratings_file, RATING_COLUMNS, record)

    def scan_items(self, folder: Path, record: ReadingRecord) -> pl.LazyFrame:
        """See :class:`Layout`."""
        return scan_raw(folder / self.items_file, FILM_COLUMNS, record)

    def scan_tags(self, folder: Path, record: ReadingRecord) -> pl.LazyFrame | None:
        """See :class:`Layout`."""
        path = folder / self.tags_file
        return scan_raw(path, TAG_COLUMNS, record) if path.is_file() else None


@dataclass(frozen=True)
class DatLayout:
    """1M and 10M: ``.dat`` files without header, fields separated by ``::``."""

    ratings_file: str = "ratings.dat"
    items_file: str = "movies.dat"
    tags_file: str = "tags.dat"

    def scan_ratings(self, folder: Path, record: ReadingRecord) -> pl.LazyFrame:
        """See :class:`Layout`. Numbers hold no colon, so every second field is empty."""
        header = ("userId", "_1", "movieId", "_2", "rating", "_3", "timestamp")
        path = folder / self.ratings_file
        form = CsvForm(delimiter=":", header=header, quote=None)
        return scan_raw(path, RATING_COLUMNS, record, form)

    def scan_items(self, folder: Path, record: ReadingRecord) -> pl.LazyFrame:
        """See :class:`Layout`."""
        return _split_lines(folder / self.items_file, FILM_COLUMNS)

    def scan_tags(self, folder: Path, record: ReadingRecord) -> pl.LazyFrame | None:
        """See :class:`Layout`."""
        path = folder / self.tags_file
        return _split_lines(path, TAG_COLUMNS) if path.is_file() else None


@dataclass(frozen=True)
class FirstLayout:
    """100K: ``u.data`` separated by tabs, ``u.item`` with a flag for each genre."""

    ratings_file: str = "u.data"
    items_file: str = "u.item"
    tags_file: None = None

    def scan_ratings(self, folder: Path, record: ReadingRecord) -> pl.LazyFrame:
        """See :class:`Layout`."""
        path = folder / self.ratings_file
        form = CsvForm(delimiter="\t", header=RATING_COLUMNS, quote=None)
        return scan_raw(path, RATING_COLUMNS, record, form)

    def scan_items(self, folder: Path, record: ReadingRecord) -> pl.LazyFrame:
        """See :class:`Layout`."""
        path = folder / self.items_file
        width = FIELDS_BEFORE_GENRES + len(GENRES_OF_100K)
        rows = [(row[0], row[1], _genres(row)) for row in _cut_lines(path, "|", width)]
        return pl.LazyFrame(rows, schema=dict.fromkeys(FILM_COLUMNS, pl.String), orient="row")

    def scan_tags(self, folder: Path, record: ReadingRecord) -> pl.LazyFrame | None:
        """See :class:`Layout`."""
        return None


LAYOUTS: tuple[Layout, ...] = (CsvLayout(), DatLayout(), FirstLayout())


def _genres(row: list[str]) -> str:
    flags = row[FIELDS_BEFORE_GENRES:]
    return "|".join(genre for genre, flag in zip(GENRES_OF_100K, flags, strict=True) if flag == "1")


def _split_lines(path: Path, columns: tuple[str, ...]) -> pl.LazyFrame:
    rows = _cut_lines(path, "::", len(columns))
    return pl.LazyFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def _cut_lines(path: Path, separator: str, width: int) -> list[list[str]]:
    """Return the fields of every line of a small file.

    Raises:
        UserError: a line has another number of fields.
    """
    rows = [line.split(separator) for line in _decode(path).splitlines() if line]
    for number, row in enumerate(rows, start=1):
        if len(row) != width:
            rule = f"every line has {width} fields separated by {separator}"
            found = shorten(f"line {number}: {separator.join(row)}")
            raise UserError(str(path), rule, "download the data set again", found)
    return rows


def _decode(path: Path) -> str:
    """Return the text: the older data sets are Latin-1, 10M is UTF-8."""
    content = path.read_bytes()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")
