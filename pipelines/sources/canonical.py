"""Turns raw tables into the canonical ones: cells read, repeats merged, rows sorted and checked."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import polars as pl

from expectations.contracts.errors import UserError
from expectations.contracts.tables import INTERACTIONS
from pipelines.artefact_io import TableWriter
from pipelines.sources.log_changes import LogChanges
from pipelines.sources.raw_tables import (
    Cell,
    RawInteractions,
    RawTables,
    collect,
    shorten,
    unescape,
)

KEY = ["user_id", "timestamp", "item_id"]
PIECE_ROWS = 1_000_000
SAMPLE_ROWS = 3
TAGS_PER_ITEM = 12
PEOPLE_PER_TAG = 2  # one person's tag may be a note to themselves, such as a queue of films to see


def read_interactions(raw: RawInteractions, threshold: float | None) -> pl.DataFrame:
    """Return the log: cells read, repeats of (user, item, time) merged, rows sorted.

    Of repeated rows the one with the highest feedback stays, so that the order of the file
    does not matter. User and item ids come as ordered codes (``Enum``), to save memory.

    Raises:
        UserError: a cell cannot be read; the error shows the first such rows.
    """
    log = collect(
        raw.frame.select(
            user_id=raw.user_id.value,
            item_id=raw.item_id.value,
            timestamp=raw.timestamp.value,
            feedback=raw.feedback.value if raw.feedback else pl.lit(None, pl.Float32),
        ),
        raw.file,
    )
    for name, cell in zip(log.columns, raw.cells, strict=True):
        # a second look at the file, only where the first found gaps
        if cell is not None and log[name].null_count():
            _require_readable(raw, cell, may_be_empty=name == "feedback")
    log = log.with_columns(_encode(log["user_id"]), _encode(log["item_id"]))
    n_rows = log.height
    log = log.sort([*KEY, "feedback"]).filter(~_is_repeated())
    if log.height < n_rows:
        print(
            f"{raw.file.name}: merged {n_rows - log.height:,} rows that repeat user, item and time",
            file=sys.stderr,
        )
    return log.with_columns(is_positive=_is_positive(threshold))


def read_items(raw_items: pl.LazyFrame, file: Path) -> pl.DataFrame:
    """Return the catalogue, sorted by id; an item without title is called by its id.

    Args:
        raw_items: as in :class:`RawTables`.
        file: where they come from, for errors.
    """
    items = raw_items.select(
        "item_id",
        title=pl.coalesce("title", "item_id"),
        text=pl.col("text").fill_null(""),
        category_path=pl.col("category_path"),
    )
    return collect(items, file).sort("item_id")


def add_tags(items: pl.DataFrame, raw: RawTables, until: datetime) -> pl.DataFrame:
    """Return the catalogue with the tags given before ``until`` behind the items' texts.

    A tag that a single person uses is left out, however often they use it.
    """
    if raw.tags is None:
        return items
    tags = collect(_join_tags(raw.tags, until), raw.items_file)
    text = pl.when(pl.col("text") != "").then("text")
    joined = pl.concat_str(text, "tags", separator=". ", ignore_nulls=True)
    return items.join(tags, on="item_id", how="left", maintain_order="left").select(
        "item_id", "title", joined.alias("text"), "category_path"
    )


def change_interactions(
    interactions: pl.DataFrame, items: pl.DataFrame, changes: LogChanges, threshold: float | None
) -> pl.DataFrame:
    """Return canonical interactions with the changes made, sorted and merged as before."""
    if changes.are_none:
        return interactions
    log = interactions.select(pl.col("user_id", "item_id").cast(pl.String), "timestamp", "feedback")
    log = changes.apply(log, items["item_id"])
    log = log.with_columns(_encode(log["user_id"]), _encode(log["item_id"]))
    log = log.sort([*KEY, "feedback"]).filter(~_is_repeated())
    return log.with_columns(is_positive=_is_positive(threshold))


def write_interactions(interactions: pl.DataFrame, path: Path) -> None:
    """Write what :func:`read_interactions` returned, piece by piece."""
    with TableWriter(path, INTERACTIONS) as writer:
        for piece in in_pieces(interactions):
            writer.write(piece)


def in_pieces(interactions: pl.DataFrame, rows: int = PIECE_ROWS) -> Iterator[pl.DataFrame]:
    """Yield sorted interactions in pieces of about ``rows`` rows; no user is cut in two."""
    users = interactions["user_id"].to_physical()
    begin = 0
    while begin < interactions.height:
        last = users[min(begin + rows, interactions.height) - 1]
        end = int(users.search_sorted(last, side="right"))
        piece = interactions.slice(begin, end - begin)
        yield piece.with_columns(pl.col("user_id", "item_id").cast(pl.String))
        begin = end


def _encode(ids: pl.Series) -> pl.Series:
    return ids.cast(pl.Enum(ids.unique().sort()))


def _is_repeated() -> pl.Expr:
    # of equal keys the last stays: the sort has put the highest feedback there
    same = [pl.col(name) == pl.col(name).shift(-1) for name in KEY]
    return pl.all_horizontal(same).fill_null(False)


def _is_positive(threshold: float | None) -> pl.Expr:
    if threshold is None:
        return pl.lit(True)
    return (pl.col("feedback") >= threshold).fill_null(True)


def _require_readable(raw: RawInteractions, cell: Cell, *, may_be_empty: bool) -> None:
    """Refuse a column with cells that cannot be read, showing the first of them."""
    is_bad = pl.col("value").is_null()
    if may_be_empty:
        is_bad &= pl.col("raw").cast(pl.String).str.strip_chars() != ""
    cells = raw.frame.select(raw=cell.column, value=cell.value).with_row_index("row", offset=1)
    bad = collect(cells.filter(is_bad).head(SAMPLE_ROWS), raw.file)
    if bad.height:
        shown = ", ".join(f"row {row}: {found!r}" for row, found, _ in bad.iter_rows())
        raise UserError(str(raw.file), cell.rule, "mend or drop those rows", shorten(shown))


def _join_tags(tags: pl.LazyFrame, until: datetime) -> pl.LazyFrame:
    """Return item_id, tags: the words that most people gave to each item before ``until``."""
    given = tags.filter(pl.col("timestamp") < until).with_columns(
        tag=unescape(pl.col("tag")).str.strip_chars().str.to_lowercase()
    )
    people = given.drop_nulls().group_by("item_id", "tag").agg(pl.col("user_id").unique())
    everyone = people.explode("user_id").group_by("tag").agg(known_to=pl.col("user_id").n_unique())
    shared = people.join(everyone.filter(pl.col("known_to") >= PEOPLE_PER_TAG), on="tag")
    counts = shared.select("item_id", "tag", times=pl.col("user_id").list.len())
    ordered = counts.sort(["item_id", "times", "tag"], descending=[False, True, False])
    return ordered.group_by("item_id", maintain_order=True).agg(
        tags=pl.col("tag").head(TAGS_PER_ITEM).str.join(", ")
    )
