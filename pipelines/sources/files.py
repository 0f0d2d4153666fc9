"""Reads a team's own logs: a catalogue and a log, as CSV or Parquet, by a mapping of columns."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from expectations.contracts.errors import UserError
from pipelines.sources.column_notes import note_items, note_log
from pipelines.sources.config import FilesConfig
from pipelines.sources.raw.cells import (
    as_text,
    can_speak,
    elements_of,
    identifier,
    number,
    spoken,
    unescape,
)
from pipelines.sources.raw.csv_text import CsvForm
from pipelines.sources.raw.one_line import list_names
from pipelines.sources.raw.record import ReadingRecord
from pipelines.sources.raw.tables import (
    RawInteractions,
    RawItems,
    RawTables,
    collect,
    scan_raw,
    types_of,
)
from pipelines.sources.raw.times import read_times
from pipelines.sources.usual_columns import is_list, split_list, usual_category, usual_texts

TEXT_SEPARATOR = ". "
SAMPLED_ROWS = 1000
"""From which types of columns are told; every row is checked against them afterwards."""


def read_files(folder: Path, config: FilesConfig) -> RawTables:
    """Return the raw tables that ``config`` maps from the files in ``folder``.

    Raises:
        UserError: the folder or a file is absent, unreadable, or lacks a mapped column.
    """
    if not folder.is_dir():
        raise UserError(str(folder), "is a folder with the files", "correct dataset.path")
    record = ReadingRecord()
    return RawTables(
        items=scan_items(folder / config.items_file, config, record),
        interactions=scan_log(folder / config.interactions_file, config, record),
        record=record,
    )


def scan_items(path: Path, config: FilesConfig, record: ReadingRecord) -> RawItems:
    """Return a catalogue as raw items, read by the mapping of ``config``.

    Raises:
        UserError: the file is absent, unreadable, or lacks a mapped column.
    """
    frame = scan_raw(path, [config.item_id, config.title], record, _form(config))
    types = types_of(frame, path)
    taken = (config.item_id, config.title)
    free = [name for name, dtype in types.items() if name not in taken and can_speak(dtype)]
    texts = usual_texts(free) if config.text is None else config.text
    category = usual_category(free) if config.category is None else config.category
    categories = (category,) if category else ()
    _require_mapped((*texts, *categories), types, path)
    sample = collect(frame.head(SAMPLED_ROWS), path)
    item_id = identifier(config.item_id, sample[config.item_id], path)
    became = {config.item_id: _and("the id", item_id.became), config.title: "the title"}
    became |= dict.fromkeys(texts, "text")
    became |= {name: "text and category" if name in texts else "category" for name in categories}
    note_items(record, path, became, sample)
    return RawItems(
        file=path,
        frame=frame,
        item_id=item_id,
        title=spoken(config.title, types[config.title], path),
        text=_join(texts, types, path),
        category_path=_path(category, types, config.category_separator, path),
    )


def scan_log(path: Path, config: FilesConfig, record: ReadingRecord) -> RawInteractions:
    """Return a log as raw interactions, read by the mapping of ``config``.

    Raises:
        UserError: the file is absent, unreadable, or lacks a mapped column.
    """
    required = [config.user_id, config.item_id, config.timestamp]
    frame = scan_raw(path, required, record, _form(config))
    types = types_of(frame, path)
    feedback = config.feedback
    _require_mapped(() if feedback is None else (feedback,), types, path)
    sample = collect(frame.head(SAMPLED_ROWS), path)
    log = RawInteractions(
        file=path,
        frame=frame,
        user_id=identifier(config.user_id, sample[config.user_id], path),
        item_id=identifier(config.item_id, sample[config.item_id], path),
        timestamp=read_times(frame, config.timestamp, config.time_format, path),
        feedback=None if feedback is None else number(feedback, types[feedback], path),
        record=record,
    )
    became = {
        config.user_id: _and("the user", log.user_id.became),
        config.item_id: _and("the item", log.item_id.became),
        config.timestamp: _and("the time", log.timestamp.became),
    }
    note_log(record, path, became if feedback is None else became | {feedback: "feedback"}, sample)
    return log


def _form(config: FilesConfig) -> CsvForm:
    return CsvForm(config.delimiter, config.quote, config.escape, config.encoding)


def _and(role: str, became: str) -> str:
    return f"{role} ({became})" if became else role


def _require_mapped(columns: tuple[str, ...], types: dict[str, pl.DataType], path: Path) -> None:
    for column in columns:
        if column not in types:
            remedy = "name the column it has instead in params.yaml, section dataset.files"
            raise UserError(str(path), f"there is a column {column!r}", remedy, list_names(types))


def _join(columns: tuple[str, ...], types: dict[str, pl.DataType], path: Path) -> pl.Expr:
    if not columns:
        return pl.lit("")
    parts = [_said(column, types[column], path) for column in columns]
    return pl.concat_str(parts, separator=TEXT_SEPARATOR, ignore_nulls=True)


def _said(column: str, dtype: pl.DataType, path: Path) -> pl.Expr:
    """Return what a column says; a list in one cell becomes its elements with commas between."""
    text = spoken(column, dtype, path)
    return split_list(text, column).list.join(", ") if is_list(column) else text


def _path(
    category: str | None, types: dict[str, pl.DataType], separator: str, path: Path
) -> pl.Expr:
    """Return the category path: a list as it is, a text cut at the separator or as lists are."""
    if not category:
        return pl.lit(None, pl.List(pl.String))
    dtype = types[category]
    if isinstance(dtype, pl.List | pl.Array):
        column = elements_of(category, dtype, path)
    else:
        # Read before the cut: a separator such as > may be written as a reference.
        text = unescape(as_text(category, dtype, path))
        column = text.str.split(separator)
        if is_list(category):
            is_path = text.str.contains(separator, literal=True)
            column = pl.when(is_path).then(column).otherwise(split_list(text, category))
    steps = column.list.eval(unescape(pl.element()).str.strip_chars())
    kept = steps.list.eval(pl.element().filter(pl.element() != ""))
    return pl.when(kept.list.len() > 0).then(kept)
