"""Raw tables: lazy views of CSV and Parquet, in one file or many, and how their cells are read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from expectations.contracts.errors import UserError
from pipelines.sources.raw.cells import Cell
from pipelines.sources.raw.csv_text import CsvFile, CsvForm
from pipelines.sources.raw.one_line import list_names, shorten
from pipelines.sources.raw.part_files import Part, find_parts
from pipelines.sources.raw.record import FILE, ROW, ReadingRecord, RowCounts

COMMA = CsvForm()
CANNOT_READ = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)
"""What Polars raises for a file it cannot read; it panics at some damaged Parquet files."""


@dataclass(frozen=True)
class RawInteractions:
    """A log as it lies on disk, with the reading of its cells. ``feedback`` may be absent."""

    file: Path
    frame: pl.LazyFrame
    user_id: Cell
    item_id: Cell
    timestamp: Cell
    feedback: Cell | None = None
    record: ReadingRecord = field(default_factory=ReadingRecord)

    @property
    def cells(self) -> tuple[Cell | None, ...]:
        """The readings in the order of the fields."""
        return (self.user_id, self.item_id, self.timestamp, self.feedback)


@dataclass(frozen=True)
class RawItems:
    """A catalogue as it lies on disk: its ids, and what else its rows say.

    Attributes:
        file: where it lies.
        frame: the raw columns.
        item_id: the reading of the ids.
        title: as text, null where there is none.
        text: as text, null where there is none.
        category_path: as a list of texts, null where there is none.
    """

    file: Path
    frame: pl.LazyFrame
    item_id: Cell
    title: pl.Expr
    text: pl.Expr
    category_path: pl.Expr


@dataclass(frozen=True)
class RawTables:
    """A raw data set.

    Attributes:
        items: the catalogue.
        interactions: the log.
        record: what reading them has to tell.
        tags: user_id, item_id, tag, timestamp: words that people gave to items later on; only those
            from before the first test origin may join the items' texts.
    """

    items: RawItems
    interactions: RawInteractions
    record: ReadingRecord
    tags: pl.LazyFrame | None = None


def scan_raw(
    path: Path, columns: Iterable[str], record: ReadingRecord, form: CsvForm = COMMA
) -> pl.LazyFrame:
    """Return a lazy view of a table: a CSV file (every cell a string), a Parquet file, or a folder.

    Beside the table's own columns it has :data:`ROW` and :data:`FILE`, which tell where a row is.

    Args:
        path: the file or the folder of part files; the ending says the format.
        columns: those that have to be there, and without which a row of text is empty.
        record: takes the counts of every file that is read to its end.
        form: how the text is written.

    Raises:
        UserError: the table is absent, empty, of another format, or lacks a column.
    """
    wanted = tuple(columns)
    frames: list[pl.LazyFrame] = []
    for part in find_parts(path):
        if part.path.stat().st_size == 0:
            if part.path == path:
                raise UserError(str(path), "the file has rows", "it is empty: export it again")
            record.rows[part.path] = RowCounts(0, 0, 0)
            continue
        frames.append(_scan_part(part, wanted, record, form))
    if not frames:
        raise UserError(str(path), "some part has rows", "they are empty: export them again")
    _require_like_types(path, frames, wanted)
    if len(frames) == 1:
        return frames[0]
    return pl.concat([_in_microseconds(frame, path) for frame in frames], how="diagonal_relaxed")


def names_of(frame: pl.LazyFrame, path: Path) -> list[str]:
    """Return the names of the table's own columns."""
    return list(types_of(frame, path))


def types_of(frame: pl.LazyFrame, path: Path) -> dict[str, pl.DataType]:
    """Return the table's own columns and what they hold."""
    try:
        schema = frame.collect_schema()
    except CANNOT_READ as error:
        raise unreadable(path, error) from None
    return {name: dtype for name, dtype in schema.items() if name not in (ROW, FILE)}


def collect(frame: pl.LazyFrame, path: Path) -> pl.DataFrame:
    """Return the rows, read by the streaming engine; ``path`` is named if that fails."""
    try:
        return frame.collect(engine="streaming")
    except CANNOT_READ as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: Exception) -> UserError:
    """Return the error for a table whose bytes are not what its name says."""
    said = shorten(str(error).splitlines()[0] if str(error) else type(error).__name__)
    rule = "the file is Parquet, its columns of the types they are said to be"
    return UserError(str(path), rule, "export it again in that form", said)


def _scan_part(
    part: Part, wanted: tuple[str, ...], record: ReadingRecord, form: CsvForm
) -> pl.LazyFrame:
    required = tuple(name for name in wanted if name not in part.partition)
    if part.is_parquet:
        frame, names = _scan_parquet(part.path, record)
    else:
        file = CsvFile(part.path, form, required, record)
        names = file.names()
        frame = file.scan(list(dict.fromkeys(names)))
    _require_columns(part.path, required, names, form)
    told = {name: value for name, value in part.partition.items() if name not in names}
    return frame.with_columns(
        pl.lit(str(part.path)).alias(FILE),
        *(pl.lit(value, pl.String).alias(name) for name, value in told.items()),
    )


def _scan_parquet(path: Path, record: ReadingRecord) -> tuple[pl.LazyFrame, list[str]]:
    try:
        n_rows = int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError) as error:
        raise unreadable(path, error) from None
    frame = pl.scan_parquet(
        path, glob=False, hive_partitioning=False, row_index_name=ROW, row_index_offset=1
    )
    names = names_of(frame, path)
    record.rows[path] = RowCounts(n_rows, 0, n_rows)
    return frame, names


def _require_columns(
    path: Path, required: tuple[str, ...], names: list[str], form: CsvForm
) -> None:
    shown = list_names(names)
    for column in required:
        if column not in names:
            remedy = "name the column it has instead in params.yaml, section dataset.files"
            if len(names) == 1:
                remedy += ", or what stands between columns in dataset.files.delimiter"
            raise UserError(str(path), f"there is a column {column!r}", remedy, shown)
        if names.count(column) > 1:
            rule = f"there is one column {column!r}"
            raise UserError(str(path), rule, "rename or drop the others", shown)


def _require_like_types(path: Path, frames: list[pl.LazyFrame], wanted: tuple[str, ...]) -> None:
    """Refuse parts whose columns would only be alike by a silent change of their cells."""
    first = types_of(frames[0], path)
    for frame in frames[1:]:
        types = types_of(frame, path)
        for name in wanted:
            kinds = {_kind(first[name]), _kind(types[name])} - {"null"}
            if len(kinds) > 1:
                rule = f"column {name!r} is of one type in all parts"
                found = f"{first[name]} in one, {types[name]} in another"
                raise UserError(str(path), rule, "export all parts alike", found)


def _in_microseconds(frame: pl.LazyFrame, path: Path) -> pl.LazyFrame:
    """Return a part whose times are not coarser than ours: joined parts take the coarsest unit."""
    types = types_of(frame, path).items()
    coarse = [n for n, dtype in types if isinstance(dtype, pl.Datetime) and dtype.time_unit == "ms"]
    return frame.with_columns(pl.col(coarse).dt.cast_time_unit("us"))


def _kind(dtype: pl.DataType) -> str:
    if dtype.is_integer():
        return "integer"
    if dtype.is_float():
        return "float"
    if dtype.is_temporal():
        return "time"
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        return "text"
    return "null" if dtype == pl.Null else str(dtype)
