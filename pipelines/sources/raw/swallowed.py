"""Finds rows that a stray quote has swallowed: they stand, line by line, within another's cell."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from expectations.contracts.errors import UserError
from pipelines.sources.raw.one_line import shorten
from pipelines.sources.raw.record import ROW

KNOWN_SHAPES = 10_000
"""Plain cells of a column that its usual shapes are learned from; more would not add any, and
reading stays fast."""
REMEDY = (
    "double or remove the stray quotes there, or set dataset.files.quote to null if quotes are "
    "ordinary letters in this file"
)


@dataclass(frozen=True)
class RowLayout:
    """How the rows of a text file are laid out.

    Attributes:
        path: the file.
        names: of all columns.
        required: those that every row fills.
        delimiter: what stands between cells.
    """

    path: Path
    names: tuple[str, ...]
    required: tuple[str, ...]
    delimiter: str


def require_no_swallowed_rows(
    layout: RowLayout, frames: Iterable[pl.DataFrame], empty: set[int], *, ends_quoted: bool
) -> None:
    """Refuse a file in which records have vanished without any of them being ill-formed.

    A cell of several lines is well-formed CSV. It holds swallowed rows where every line end in it
    stands exactly where a row would end, and at least half of what the lines between have in the
    columns that every row must fill is of a shape that other rows have there: a swallowed row may
    have an id like no other, a poem with the right number of commas has hardly any.

    Args:
        layout: of the file.
        frames: the file once more, in every column.
        empty: numbers of records whose required cells are empty: so must be all the others.
        ends_quoted: whether the file's last letter is a quote.

    Raises:
        UserError: naming the first such row.
    """
    shapes: dict[str, set[str]] = {name: set() for name in layout.required}
    last_row, last_cell = 0, ""
    for frame in frames:
        _require_empty(layout, frame, empty)
        for name, known in shapes.items():
            if len(known) < KNOWN_SHAPES:
                plain = frame[name].drop_nulls().head(KNOWN_SHAPES)
                known.update(_shape(cell) for cell in plain if "\n" not in cell)
        has_lines = pl.any_horizontal(pl.col(layout.names).str.contains(r"[\r\n]").fill_null(False))
        for row in frame.filter(has_lines).iter_rows(named=True):
            for column, name in enumerate(layout.names):
                lines = re.split(r"\r\n|\r|\n", row[name] or "")
                if len(lines) > 1 and _are_rows(lines, column, layout, shapes):
                    raise _swallowed(layout, row[ROW], name, len(lines))
        if frame.height:
            last_row, last_cell = int(frame[ROW][-1]), frame[layout.names[-1]][-1] or ""
    if "\n" in last_cell and not ends_quoted:
        rule = "every quote that is opened is closed"
        found = f"row {last_row}, column {layout.names[-1]!r}: its quote runs to the file's end"
        raise UserError(str(layout.path), rule, REMEDY, shorten(found))


def _are_rows(
    lines: list[str], column: int, layout: RowLayout, shapes: dict[str, set[str]]
) -> bool:
    """Return whether the line ends within a cell at ``column`` stand where rows would end."""
    n_delimiters = len(layout.names) - 1
    first, others = lines[0], [line for line in lines[1:] if line.strip()]
    if not others or first.count(layout.delimiter) != n_delimiters - column:
        return False
    if others[-1].count(layout.delimiter) != column:
        return False
    if any(line.count(layout.delimiter) != n_delimiters for line in others[:-1]):
        return False
    rows = [dict(zip(layout.names, line.split(layout.delimiter), strict=False)) for line in others]
    alike = [_shape(row[name]) in shapes[name] for row in rows for name in shapes if name in row]
    return 2 * sum(alike) >= len(alike)


def _require_empty(layout: RowLayout, frame: pl.DataFrame, empty: set[int]) -> None:
    if not empty:
        return
    cells = pl.col(layout.names).str.strip_chars().fill_null("")
    filled = frame.filter(pl.col(ROW).is_in(list(empty)) & pl.any_horizontal(cells != ""))
    if filled.height:
        rule = f"every row has a {layout.required[0]}"
        shown = ", ".join(cell for cell in filled.select(layout.names).row(0) if cell)
        found = shorten(f"row {filled[ROW][0]}: {shown}")
        raise UserError(str(layout.path), rule, "mend or drop those rows", found)


def _shape(cell: str) -> str:
    """Return what a cell looks like: ``u12`` and ``u7`` alike are letters and then digits."""
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "0", cell.strip().strip('"')))


def _swallowed(layout: RowLayout, row: int, column: str, n_lines: int) -> UserError:
    rule = "no quoted cell holds whole rows"
    found = f"row {row}, column {column!r}: {n_lines} lines that read as rows of their own"
    return UserError(str(layout.path), rule, REMEDY, shorten(found))
