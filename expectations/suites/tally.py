"""Counts rows, piece by piece: exact over any number of rows in the memory of one piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import great_expectations.expectations as gxe
import polars as pl
import pyarrow as pa

from expectations.contracts.errors import SAMPLE_ROWS
from expectations.contracts.tables import Column, Table
from expectations.gates.engine import Rule

MAX_CELL = 40
"""Characters of a cell that a sample shows: enough to know it by, and a row keeps to a line."""


@dataclass(frozen=True)
class RowCount:
    """A rule on how many rows are so: by default none may be.

    Args:
        subject: the column or table the rule is about.
        sentence: what must hold; unique within a suite.
        remedy: what to do if it does not.
        flag: true for the rows to count; null counts as false.
        least: the fewest rows there may be.
        most: the most rows there may be; ``None`` for any number.
    """

    subject: str
    sentence: str
    remedy: str
    flag: pl.Expr
    least: int = 0
    most: int | None = 0

    @property
    def rule(self) -> Rule:
        """The rule over a frame of counts. It fails, too, where nothing was counted."""
        bounds = gxe.ExpectColumnMinToBeBetween(
            column=self.sentence, min_value=self.least, max_value=self.most
        )
        return Rule(self.subject, self.sentence, self.remedy, bounds)


class Tally:
    """The counts of one table, with the first rows of each as samples.

    Flags may look at the row before with ``shift(1)``, across pieces too. Where a piece lacks a
    column that a flag looks at, there is no count: ``None``, which no rule lets pass.
    """

    def __init__(self, row_counts: Sequence[RowCount]) -> None:
        self._row_counts = tuple(row_counts)
        self._counts: dict[str, int | None] = {counted.sentence: 0 for counted in row_counts}
        self._samples: dict[str, list[str]] = {counted.sentence: [] for counted in row_counts}
        self._last: pl.DataFrame | None = None

    def add(self, piece: pl.DataFrame) -> None:
        """Count one more piece; the pieces come in the table's order."""
        if piece.is_empty():
            return
        whole = piece if self._last is None else pl.concat([self._last, piece])
        columns = set(piece.columns)
        countable = [c for c in self._row_counts if columns.issuperset(c.flag.meta.root_names())]
        flags = whole.with_columns(
            counted.flag.fill_null(False).alias(counted.sentence) for counted in countable
        ).tail(piece.height)
        for counted in self._row_counts:
            if counted in countable:
                self._take(counted, flags[counted.sentence], piece)
            else:
                self._counts[counted.sentence] = None
        self._last = piece.tail(1)

    @property
    def counts(self) -> dict[str, int | None]:
        """The number of rows, by the rule's sentence; ``None`` where a column is missing."""
        return dict(self._counts)

    def samples_of(self, sentence: str) -> list[str]:
        """Return the first rows that were counted, each as short text."""
        return list(self._samples[sentence])

    def _take(self, counted: RowCount, flags: pl.Series, piece: pl.DataFrame) -> None:
        before, count = self._counts[counted.sentence], int(flags.sum())
        if before is not None:
            self._counts[counted.sentence] = before + count
        missing = SAMPLE_ROWS - len(self._samples[counted.sentence])
        if count and missing and counted.most == 0:
            rows = piece.filter(flags).head(missing)
            self._samples[counted.sentence] += [_show(row) for row in rows.iter_rows(named=True)]


def declared_counts(table: Table) -> tuple[RowCount, ...]:
    """Return what the declaration of ``table`` says of single rows: nulls, bounds and NaN."""
    return tuple(counted for column in table.columns for counted in _counts_of(column))


def _counts_of(column: Column) -> list[RowCount]:
    name, value = column.name, pl.col(column.name)
    counts = []
    if not column.nullable:
        remedy = "fill in or drop those rows"
        counts.append(RowCount(name, f"every row has a {name}", remedy, value.is_null()))
    if column.minimum is not None:
        sentence = f"{name} is at least {column.minimum:g}"
        counts.append(RowCount(name, sentence, "mend those rows", value < column.minimum))
    if column.maximum is not None:
        sentence = f"{name} is at most {column.maximum:g}"
        counts.append(RowCount(name, sentence, "mend those rows", value > column.maximum))
    if pa.types.is_floating(column.dtype):
        remedy = "leave such cells empty"
        counts.append(RowCount(name, f"{name} is never NaN", remedy, value.is_nan()))
    return counts


def _show(row: dict[str, object]) -> str:
    return ", ".join(f"{name} {str(value)[:MAX_CELL]}" for name, value in row.items())
