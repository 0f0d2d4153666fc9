"""Reads and writes artefacts: tables checked both ways, everything written whole or not at all."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from expectations.contracts.checks import check_columns, check_table, check_values
from expectations.contracts.errors import ContractError, UserError
from expectations.contracts.tables import Table
from pipelines.io.table_footer import check_footer, write_footer

COMPRESSION: Final = "zstd"
ROWS_CHECKED_AT_ONCE = 500_000
"""Of a log, some 50 MB; many enough that reading them outweighs starting each piece."""


def write_table(frame: pl.DataFrame, path: Path, table: Table) -> None:
    """Check ``frame`` against its declaration, then write it as Parquet, atomically."""
    data = to_arrow(frame, table)
    check_table(data, table, str(path))
    with (
        atomic_file(path) as partial,
        pq.ParquetWriter(partial, data.schema, compression=COMPRESSION) as writer,
    ):
        writer.write_table(data)
        write_footer(writer, data.num_rows)


def read_table(path: Path, table: Table, may_be_older: bool = False) -> pl.DataFrame:
    """Return the table at ``path``, checked against its declaration.

    Args:
        path: the file.
        table: its declaration.
        may_be_older: an earlier version of this project may have written it.

    Raises:
        UserError: the file is absent or is not Parquet.
        ContractError: its content breaks the declaration, or is not what was written.
    """
    with _open(path) as file:
        check_columns(file.schema_arrow, table, str(path))
        check_footer(file.metadata, str(path), may_be_older)
        data = file.read()
    check_table(data, table, str(path))
    return pl.DataFrame(pl.from_arrow(data))


def scan_table(path: Path, table: Table) -> pl.LazyFrame:
    """Return a lazy view of a table too large to hold.

    Everything but its key is checked first, in the memory of one piece.

    Raises:
        UserError: the file is absent or is not Parquet.
        ContractError: its content breaks the declaration, or is not what was written.
    """
    for _ in read_pieces(path, ROWS_CHECKED_AT_ONCE, table):
        pass
    return pl.scan_parquet(path)


def read_pieces(path: Path, rows: int, table: Table) -> Iterator[pl.DataFrame]:
    """Yield a table too large to hold, ``rows`` at a time, each piece checked but for the key.

    Raises:
        UserError: the file is absent or is not Parquet.
        ContractError: its content breaks the declaration, or is not what was written.
    """
    with _open(path) as file:
        check_columns(file.schema_arrow, table, str(path))
        check_footer(file.metadata, str(path), may_be_older=False)
        if file.metadata.num_rows == 0 and not table.may_be_empty:
            rule = f"table {table.name} has rows"
            raise ContractError(str(path), rule, "look at what feeds it")
        for batch in file.iter_batches(rows):
            check_values(pa.Table.from_batches([batch]), table, str(path))
            yield pl.DataFrame(pl.from_arrow(batch))


def count_rows(path: Path) -> int:
    """Return how many rows the table at ``path`` has, without reading them."""
    with _open(path) as file:
        return int(file.metadata.num_rows)


def to_arrow(frame: pl.DataFrame, table: Table) -> pa.Table:
    """Return ``frame`` as Arrow in the declared column order and types."""
    missing = [name for name in table.schema.names if name not in frame.columns]
    if missing:
        check_table(frame.to_arrow(), table)  # raises, naming the columns
    return frame.select(table.schema.names).to_arrow().cast(table.schema)


class TableWriter:
    """Writes one large table piece by piece in bounded memory; it appears only when complete.

    Each piece is checked against the declaration; keys are checked within pieces, so callers
    partition by key.
    """

    def __init__(self, path: Path, table: Table) -> None:
        self._path = path
        self._table = table
        self._partial = _partial_of(path)
        self._writer: pq.ParquetWriter | None = None
        self._rows = 0

    def __enter__(self) -> TableWriter:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = pq.ParquetWriter(self._partial, self._table.schema, compression=COMPRESSION)
        return self

    def write(self, frame: pl.DataFrame) -> None:
        """Append one piece; empty pieces are passed over."""
        if self._writer is None:
            raise RuntimeError("use TableWriter in a with statement")
        if frame.is_empty():
            return
        data = to_arrow(frame, self._table)
        check_table(data, self._table, str(self._path))
        self._writer.write_table(data)
        self._rows += data.num_rows

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            write_footer(self._writer, self._rows)
            self._writer.close()
        if kind is None:
            self._partial.replace(self._path)
        else:
            self._partial.unlink(missing_ok=True)


def write_json(content: Mapping[str, object], path: Path) -> None:
    """Write sorted, indented JSON atomically; NaN and infinity are refused."""
    with atomic_file(path) as partial:
        text = json.dumps(content, indent=2, sort_keys=True, allow_nan=False)
        partial.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, object]:
    """Return the JSON object at ``path``.

    Raises:
        UserError: the file is absent, or holds no JSON object.
    """
    _require(path)
    rule, remedy = "holds a JSON object", "run `dvc repro` to build it again"
    try:
        content: object = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(str(path), rule, remedy, str(error)[:120]) from None
    if not isinstance(content, dict):
        raise UserError(str(path), rule, remedy, str(content)[:80])
    return content


def read_figures(path: Path) -> dict[str, float]:
    """Return the finite numbers of the JSON object at ``path``, such as a file of ``metrics/``."""
    return {
        name: value
        for name, value in read_json(path).items()
        if isinstance(value, int | float) and math.isfinite(value)
    }


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a path to write to; on success it becomes ``path``, on error it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial_of(path)
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder to fill; on success it becomes ``path``, on error it is removed."""
    partial = _partial_of(path)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        shutil.rmtree(path, ignore_errors=True)
        partial.replace(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _partial_of(path: Path) -> Path:
    return path.with_name(path.name + ".partial")


@contextmanager
def _open(path: Path) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file; damage that shows only while it is read is told in the same words."""
    _require(path)
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        said = " ".join(str(error).split())[:200]
        raise UserError(str(path), "is a Parquet file", "run its stage again", said) from None


def _require(path: Path) -> None:
    if not path.exists():
        raise UserError(str(path), "the artefact exists", "run `dvc repro` to build it")
