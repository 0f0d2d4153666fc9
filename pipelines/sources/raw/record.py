"""What ingest has to say for itself: counts for its metrics, and lines for a reader."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

ROW = "__row__"
"""Column of every raw frame: the number of a row in its file, from 1."""
FILE = "__file__"
"""Column of every raw frame: which part of a folder a row lies in."""


@dataclass(frozen=True)
class RowCounts:
    """The rows of one raw file or folder, after it was read to its end.

    ``rows_in_file = rows_empty + rows_read`` holds always: for a row that is neither, the file is
    refused.

    Attributes:
        rows_in_file: records of the file, its header left out.
        rows_empty: records without a single letter, passed over.
        rows_read: the others.
        lines_in_cells: line ends within quoted cells; with them a record has several lines.
    """

    rows_in_file: int
    rows_empty: int
    rows_read: int
    lines_in_cells: int = 0

    def __add__(self, other: RowCounts) -> RowCounts:
        """Return the counts of both."""
        return RowCounts(
            self.rows_in_file + other.rows_in_file,
            self.rows_empty + other.rows_empty,
            self.rows_read + other.rows_read,
            self.lines_in_cells + other.lines_in_cells,
        )

    def in_words(self) -> str:
        """Return the counts as one line for a reader."""
        words = f"{self.rows_in_file:,} rows, all of them read"
        if self.rows_empty:
            words = f"{self.rows_in_file:,} rows: {self.rows_read:,} read, "
            words += f"{self.rows_empty:,} empty ones passed over"
        if self.lines_in_cells:
            words += f"; {self.lines_in_cells:,} line ends lie within quoted cells"
        return words


NOTHING = RowCounts(0, 0, 0)


@dataclass
class ReadingRecord:
    """Kept while a source is read, by file, and told when everything has been.

    Attributes:
        rows: the counts of each file that was read to its end.
        notes: lines for a reader, in the order in which they came up.
        counts: rows that were merged, added or left out on the way, by the name of the metric.
    """

    rows: dict[Path, RowCounts] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def note(self, line: str) -> None:
        """Keep a line, once."""
        if line not in self.notes:
            self.notes.append(line)

    def count(self, name: str, number: int, line: str) -> None:
        """Keep how many rows something happened to, and the line about it if there are any."""
        self.counts[name] = self.counts.get(name, 0) + number
        if number:
            self.note(line)

    def rows_of(self, path: Path) -> RowCounts | None:
        """Return the counts of a file or of a folder of parts; ``None`` if it was not read."""
        found = [counts for file, counts in self.rows.items() if path in (file, *file.parents)]
        return sum(found, start=NOTHING) if found else None
