"""What a reader of raw files hands on, and the opening of those files with clear errors."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from expectations.contracts.errors import UserError

PARQUET_ENDINGS = (".parquet", ".pq")
SNIFFED_BYTES = 65_536
MAX_SHOWN = 160
CHARACTER_REFERENCE = r"&#?\w{2,31};"


@dataclass(frozen=True)
class Cell:
    """One value of every row: the raw column it comes from and how it is read.

    ``value`` is null where the raw cell cannot be read; ``rule`` says what can be.
    """

    column: str
    value: pl.Expr
    rule: str


@dataclass(frozen=True)
class RawInteractions:
    """A log as it lies on disk, with the reading of its cells. ``feedback`` may be absent."""

    file: Path
    frame: pl.LazyFrame
    user_id: Cell
    item_id: Cell
    timestamp: Cell
    feedback: Cell | None = None

    @property
    def cells(self) -> tuple[Cell | None, ...]:
        """The readings in the order of the fields."""
        return (self.user_id, self.item_id, self.timestamp, self.feedback)


@dataclass(frozen=True)
class RawTables:
    """A raw data set.

    Attributes:
        items_file: where the items come from.
        items: item_id, title, text and category_path, nulls where nothing is said.
        interactions: the log.
        tags: user_id, item_id, tag, timestamp: words that people gave to items later on; only those
            from before the first test origin may join the items' texts.
    """

    items_file: Path
    items: pl.LazyFrame
    interactions: RawInteractions
    tags: pl.LazyFrame | None = None


def identifier(column: str) -> Cell:
    """Return the reading of a column of ids: any text but the empty one; numbers become text."""
    text = pl.col(column).cast(pl.String).str.strip_chars()
    value = pl.when(text != "").then(text)
    return Cell(column, value, f"every row has a {column}")


def unescape(text: pl.Expr) -> pl.Expr:
    """Return texts with HTML's character references read, such as ``&rsquo;`` or ``&amp;``.

    Shops export them, some of them twice over, so two layers come off.
    """
    read = text.map_elements(lambda cell: html.unescape(html.unescape(cell)), pl.String)
    return pl.when(text.str.contains(CHARACTER_REFERENCE)).then(read).otherwise(text)


def number(column: str) -> Cell:
    """Return the reading of a column of numbers; an empty cell says nothing, and is allowed."""
    text = pl.col(column).cast(pl.String).str.strip_chars()
    value = text.cast(pl.Float32, strict=False)
    return Cell(column, pl.when(value.is_finite()).then(value), f"{column} is a number or empty")


def scan_raw(
    path: Path,
    columns: Iterable[str],
    *,
    delimiter: str = ",",
    header: tuple[str, ...] | None = None,
    quote: str | None = '"',
) -> pl.LazyFrame:
    """Return a lazy view of a CSV file (every cell a string) or of a Parquet file.

    Args:
        path: the file; its ending says the format.
        columns: those that have to be there.
        delimiter: one character.
        header: names of the columns, for a file without a first line of names.
        quote: what encloses text that holds the delimiter; ``None`` for nothing.

    Raises:
        UserError: the file is absent, empty, of another format, or lacks a column.
    """
    if not path.is_file():
        raise UserError(str(path), "the file exists", _what_lies_there(path.parent))
    if path.stat().st_size == 0:
        raise UserError(str(path), "the file has rows", "it is empty: export it again")
    if path.suffix in PARQUET_ENDINGS:
        frame = pl.scan_parquet(path)
    else:
        _require_text(path)
        frame = pl.scan_csv(
            path,
            separator=delimiter,
            has_header=header is None,
            new_columns=list(header) if header else None,
            infer_schema=False,
            quote_char=quote,
        )
    found = names_of(frame, path)
    for column in columns:
        if column not in found:
            remedy = "name the column it has instead in params.yaml, section dataset.files"
            shown = shorten(", ".join(found))
            raise UserError(str(path), f"there is a column {column!r}", remedy, shown)
    return frame


def names_of(frame: pl.LazyFrame, path: Path) -> list[str]:
    """Return the names of the columns of a file just scanned."""
    try:
        return frame.collect_schema().names()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(path, error) from None


def collect(frame: pl.LazyFrame, path: Path) -> pl.DataFrame:
    """Return the rows, read by the streaming engine; ``path`` is named if that fails."""
    try:
        return frame.collect(engine="streaming")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: Exception) -> UserError:
    """Return the error for a file whose bytes are not what its name says."""
    kind = "Parquet" if path.suffix in PARQUET_ENDINGS else "UTF-8 text, the same columns a line"
    said = shorten(str(error).splitlines()[0] if str(error) else type(error).__name__)
    return UserError(str(path), f"the file is {kind}", "export it again in that form", said)


def shorten(text: str) -> str:
    """Return ``text`` fit for one line: printable and short."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in text)
    return clean if len(clean) <= MAX_SHOWN else clean[: MAX_SHOWN - 1] + "…"


def _require_text(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(SNIFFED_BYTES)
    if path.suffix != ".gz" and b"\0" in start:
        raise UserError(
            str(path), "the file is text", "export it as CSV or Parquet", shorten(repr(start[:24]))
        )


def _what_lies_there(folder: Path) -> str:
    if not folder.is_dir():
        return f"correct dataset.path: there is no folder {folder}"
    names = sorted(entry.name for entry in folder.iterdir())
    return f"correct dataset.path or the file's name; there are: {shorten(', '.join(names))}"
