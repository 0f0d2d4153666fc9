"""Reads CSV text whole: every record is seen, counted, and as wide as the header, or refused.

Arrow's reader takes quotes as Python's ``csv`` module does (a quote within an unquoted cell is an
ordinary letter) and reads every column of every record, also those that nobody asked for. What it
cannot tell, a record that a stray quote has swallowed, is looked for where lines are more than
records.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv as pacsv
from polars.io.plugins import register_io_source

from expectations.contracts.errors import SAMPLE_ROWS, UserError
from pipelines.sources.raw.csv_bytes import CsvBytes, unreadable
from pipelines.sources.raw.one_line import shorten
from pipelines.sources.raw.record import ROW, ReadingRecord, RowCounts
from pipelines.sources.raw.swallowed import RowLayout, require_no_swallowed_rows

BLOCK_BYTES = 1 << 20
"""Arrow's own default: rows are read in blocks of it, in any number of blocks alike."""
EMPTY = " \t\v\f\x00\x1a\ufeff"
"""Letters that leave a line empty; the last but one ends a file of DOS."""


@dataclass(frozen=True)
class CsvForm:
    """How a file of text is written.

    Attributes:
        delimiter: what stands between cells, one character.
        quote: what encloses a cell that holds the delimiter or a line end; ``None`` for nothing.
        escape: what takes the meaning from a quote after it; ``None`` where quotes are doubled.
        encoding: as Python calls it; ``None`` is UTF-8, or what a byte order mark says.
        header: names of the columns, for a file without a first line of names.
    """

    delimiter: str = ","
    quote: str | None = '"'
    escape: str | None = None
    encoding: str | None = None
    header: tuple[str, ...] | None = None


@dataclass(frozen=True)
class CsvFile:
    """One file of CSV, and the columns without which a row says nothing."""

    path: Path
    form: CsvForm
    required: tuple[str, ...]
    record: ReadingRecord

    def names(self) -> list[str]:
        """Return the names of the columns.

        Raises:
            UserError: the file is no text, or has no header.
        """
        with self._bytes() as source:
            names: list[str] = self._open(source, None, []).schema.names
            return names

    def scan(self, names: list[str]) -> pl.LazyFrame:
        """Return a lazy view of the file; every cell is a string, null where it is empty.

        Column :data:`ROW` numbers the records after the header from 1; records without a letter
        are left out. A pass to the end leaves its counts in the record.
        """
        # a comma at the end of every line makes a column without a name: nobody can ask for it
        schema = dict.fromkeys(filter(None, names), pl.String()) | {ROW: pl.Int64()}

        def rows(
            columns: list[str] | None,
            predicate: pl.Expr | None,
            limit: int | None,
            _: int | None,
        ) -> Iterator[pl.DataFrame]:
            wanted = columns if columns is not None else list(schema)
            for frame in self._rows(wanted, limit):
                yield frame if predicate is None else frame.filter(predicate)

        return register_io_source(rows, schema=schema, validate_schema=True)

    def _bytes(self) -> CsvBytes:
        return CsvBytes(self.path, self.form.encoding, self.form.quote)

    def _all_cells(self, names: list[str]) -> Iterator[pl.DataFrame]:
        odd: list[pacsv.InvalidRow] = []
        with self._bytes() as source:
            for before, frame in self._batches(source, names, odd):
                yield frame.with_columns(self._number(before, frame.height, odd))

    def _rows(self, wanted: list[str], limit: int | None) -> Iterator[pl.DataFrame]:
        columns = list(dict.fromkeys([*self.required, *(c for c in wanted if c != ROW)]))
        is_empty = pl.all_horizontal(
            pl.col(*self.required).str.strip_chars(EMPTY).fill_null("") == ""
        )
        odd: list[pacsv.InvalidRow] = []
        n_records, left = 0, limit
        empty_rows: list[int] = []
        with self._bytes() as source:
            for before, frame in self._batches(source, columns, odd):
                n_records += frame.height
                has_gaps = frame[self.required[0]].str.strip_chars(EMPTY).fill_null("") == ""
                if has_gaps.any() or ROW in wanted:
                    frame = frame.with_columns(self._number(before, frame.height, odd))
                if has_gaps.any():
                    empty_rows += frame.filter(is_empty)[ROW].to_list()
                    frame = frame.filter(~is_empty)
                if left is not None:
                    frame = frame.head(left)
                    left -= frame.height
                yield frame.select(wanted)
                if left == 0:
                    return
        blank = [row for row in odd if self._is_blank(row)]
        self._require_same_width([row for row in odd if not self._is_blank(row)])
        n_records += len(blank)
        header_lines = 0 if self.form.header else 1
        counts = RowCounts(
            rows_in_file=n_records,
            rows_empty=len(empty_rows) + len(blank),
            rows_read=n_records - len(empty_rows) - len(blank),
            lines_in_cells=source.n_lines - header_lines - n_records,
        )
        if counts.lines_in_cells or empty_rows:
            names = self.names()
            layout = RowLayout(self.path, tuple(names), self.required, self.form.delimiter)
            require_no_swallowed_rows(
                layout, self._all_cells(names), set(empty_rows), ends_quoted=source.ends_with_quote
            )
        self.record.rows[self.path] = counts

    def _batches(
        self, source: CsvBytes, columns: list[str], odd: list[pacsv.InvalidRow]
    ) -> Iterator[tuple[int, pl.DataFrame]]:
        """Yield how many records came before, and those of a block, without those of odd width."""
        before = 0
        reader = self._open(source, columns, odd)
        while True:
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                return
            except (pa.ArrowInvalid, OSError) as error:
                raise unreadable(self.path, error) from None
            frame = pl.DataFrame(pl.from_arrow(batch))
            yield before, frame
            before += frame.height

    def _open(
        self, source: CsvBytes, columns: list[str] | None, odd: list[pacsv.InvalidRow]
    ) -> pacsv.CSVStreamingReader:
        def take(row: pacsv.InvalidRow) -> str:
            odd.append(row)
            return "skip"

        try:
            return pacsv.open_csv(
                source.as_arrow(),
                # in one thread rows have their numbers, and it is no slower
                read_options=pacsv.ReadOptions(
                    block_size=BLOCK_BYTES,
                    use_threads=False,
                    column_names=list(self.form.header) if self.form.header else None,
                ),
                parse_options=pacsv.ParseOptions(
                    delimiter=self.form.delimiter,
                    quote_char=self.form.quote or False,
                    escape_char=self.form.escape or False,
                    newlines_in_values=self.form.quote is not None,
                    ignore_empty_lines=False,
                    invalid_row_handler=take,
                ),
                convert_options=pacsv.ConvertOptions(
                    include_columns=columns,
                    column_types=dict.fromkeys(columns or (), pa.string()),
                    null_values=[""],
                    strings_can_be_null=True,
                ),
            )
        except (pa.ArrowInvalid, OSError) as error:
            raise unreadable(self.path, error) from None

    def _number(self, before: int, height: int, odd: list[pacsv.InvalidRow]) -> pl.Series:
        """Return :data:`ROW` of a block's records: their numbers, those of odd width counted in."""
        position = np.arange(before, before + height)
        passed = np.array([self._number_of(row) - 1 for row in odd]) - np.arange(len(odd))
        return pl.Series(
            ROW, position + 1 + np.searchsorted(passed, position, side="right"), pl.Int64
        )

    def _number_of(self, row: pacsv.InvalidRow) -> int:
        number: int = row.number - (0 if self.form.header else 1)
        return number

    def _is_blank(self, row: pacsv.InvalidRow) -> bool:
        nothing = ("", (self.form.quote or "") * 2)
        return all(cell.strip(EMPTY) in nothing for cell in row.text.split(self.form.delimiter))

    def _require_same_width(self, odd: list[pacsv.InvalidRow]) -> None:
        if not odd:
            return
        shown = "; ".join(
            f"row {self._number_of(row)} has {row.actual_columns}: {row.text[:60]}"
            for row in odd[:SAMPLE_ROWS]
        )
        rule = f"every row has {odd[0].expected_columns} cells, as the first has"
        remedy = (
            "mend or drop those rows, or say how the file is written with dataset.files.delimiter, "
            "quote or escape"
        )
        raise UserError(
            str(self.path), rule, remedy, shorten(f"{len(odd):,} rows that have not; {shown}")
        )
