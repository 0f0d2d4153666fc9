"""Reads a team's own logs: a catalogue and a log, as CSV or Parquet, by a mapping of columns."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from expectations.contracts.errors import UserError
from pipelines.sources.config import FilesConfig
from pipelines.sources.raw_tables import (
    RawInteractions,
    RawTables,
    identifier,
    names_of,
    number,
    scan_raw,
    unescape,
)
from pipelines.sources.times import read_times

USUAL_TEXT_COLUMNS = ("text", "description", "brand")
TEXT_SEPARATOR = ". "


def read_files(folder: Path, config: FilesConfig) -> RawTables:
    """Return the raw tables that ``config`` maps from the files in ``folder``.

    Raises:
        UserError: the folder or a file is absent, unreadable, or lacks a mapped column.
    """
    if not folder.is_dir():
        raise UserError(str(folder), "is a folder with the files", "correct dataset.path")
    return RawTables(
        items_file=folder / config.items_file,
        items=scan_items(folder / config.items_file, config),
        interactions=scan_log(folder / config.interactions_file, config),
    )


def scan_items(path: Path, config: FilesConfig) -> pl.LazyFrame:
    """Return a catalogue as raw items, read by the mapping of ``config``.

    Raises:
        UserError: the file is absent, unreadable, or lacks a mapped column.
    """
    mapped = [config.item_id, config.title, *(config.text or ())]
    if config.category is not None:
        mapped.append(config.category)
    frame = scan_raw(path, mapped, delimiter=config.delimiter)
    found = names_of(frame, path)
    texts = config.text
    if texts is None:
        texts = tuple(name for name in USUAL_TEXT_COLUMNS if name in found)
    return frame.select(
        item_id=identifier(config.item_id).value,
        title=_spoken(config.title),
        text=_join(texts),
        category_path=_path(config, frame),
    )


def scan_log(path: Path, config: FilesConfig) -> RawInteractions:
    """Return a log as raw interactions, read by the mapping of ``config``.

    Raises:
        UserError: the file is absent, unreadable, or lacks a mapped column.
    """
    mapped = [config.user_id, config.item_id, config.timestamp]
    if config.feedback is not None:
        mapped.append(config.feedback)
    frame = scan_raw(path, mapped, delimiter=config.delimiter)
    return RawInteractions(
        file=path,
        frame=frame,
        user_id=identifier(config.user_id),
        item_id=identifier(config.item_id),
        timestamp=read_times(frame, config.timestamp, config.time_format, path),
        feedback=number(config.feedback) if config.feedback is not None else None,
    )


def _spoken(column: str) -> pl.Expr:
    """Return the text of a column, white space made single blanks; null where there is none."""
    text = unescape(pl.col(column).cast(pl.String)).str.replace_all(r"\s+", " ").str.strip_chars()
    return pl.when(text != "").then(text)


def _join(columns: tuple[str, ...]) -> pl.Expr:
    if not columns:
        return pl.lit("")
    parts = [_spoken(column) for column in columns]
    return pl.concat_str(parts, separator=TEXT_SEPARATOR, ignore_nulls=True)


def _path(config: FilesConfig, frame: pl.LazyFrame) -> pl.Expr:
    """Return the category path: a list column as it is, a text cut at the separator."""
    if config.category is None:
        return pl.lit(None, pl.List(pl.String))
    column = pl.col(config.category)
    if not isinstance(frame.collect_schema()[config.category], pl.List):
        # Read before the cut: a separator such as > may be written as a reference.
        column = unescape(column.cast(pl.String)).str.split(config.category_separator)
    steps = column.list.eval(unescape(pl.element().cast(pl.String)).str.strip_chars())
    kept = steps.list.eval(pl.element().filter(pl.element() != ""))
    return pl.when(kept.list.len() > 0).then(kept)
