"""Turns raw tables into the canonical ones: cells read, repeats merged, rows sorted and checked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import polars as pl

from expectations.contracts.errors import SAMPLE_ROWS, UserError
from expectations.contracts.tables import INTERACTIONS
from pipelines.io.artefact_io import TableWriter
from pipelines.sources.log_changes import LogChanges
from pipelines.sources.raw.cells import Cell, is_missing, unescape
from pipelines.sources.raw.one_line import shorten
from pipelines.sources.raw.record import FILE, ROW, ReadingRecord
from pipelines.sources.raw.tables import RawInteractions, RawItems, RawTables, collect

KEY = ["user_id", "timestamp", "item_id"]
PIECE_ROWS = 1_000_000
"""Bounds the memory of writing interactions: some 50 MB. No row depends on it."""
TAGS_PER_ITEM = 12
"""The most given ones: as many words as a title has, so that tags do not outweigh it."""
PEOPLE_PER_TAG = 2
"""One person's tag may be a note to themselves, such as a queue of films to see."""


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
    distinct = {name: log[name].unique().sort() for name in ("user_id", "item_id")}
    for name, cell in zip(log.columns, raw.cells, strict=True):
        # a second look at the file, only where the first found something wrong
        if cell is not None and not _is_sound(distinct.get(name, log[name]), cell):
            _require_readable(raw.frame, cell, raw.file, may_be_empty=name == "feedback")
    _require_all(raw, log.height)
    log = log.with_columns(log[name].cast(pl.Enum(ids)) for name, ids in distinct.items())
    return _merge(log, raw.file.name, raw.record).with_columns(is_positive=_is_positive(threshold))


def read_items(raw: RawItems) -> pl.DataFrame:
    """Return the catalogue, sorted by id; an item without title is called by its id.

    Raises:
        UserError: an id cannot be read; the error shows the first such rows.
    """
    items = collect(
        raw.frame.select(
            item_id=raw.item_id.value,
            title=pl.coalesce(raw.title, raw.item_id.value),
            text=raw.text.fill_null(""),
            category_path=raw.category_path,
        ),
        raw.file,
    )
    if not _is_sound(items["item_id"], raw.item_id):
        _require_readable(raw.frame, raw.item_id, raw.file, may_be_empty=False)
    return items.sort("item_id")


def add_tags(items: pl.DataFrame, raw: RawTables, until: datetime) -> pl.DataFrame:
    """Return the catalogue with the tags given before ``until`` behind the items' texts.

    A tag that a single person uses is left out, however often they use it.
    """
    if raw.tags is None:
        return items
    is_unreadable = pl.any_horizontal(pl.all().is_null())
    n_unreadable = collect(raw.tags.select(is_unreadable.sum()), raw.items.file).item()
    line = f"left out {n_unreadable:,} tags without person, film, words or a time of our era"
    raw.record.count("tags_unreadable", n_unreadable, line)
    tags = collect(_join_tags(raw.tags, until), raw.items.file)
    text = pl.when(pl.col("text") != "").then("text")
    joined = pl.concat_str(text, "tags", separator=". ", ignore_nulls=True)
    return items.join(tags, on="item_id", how="left", maintain_order="left").select(
        "item_id", "title", joined.alias("text"), "category_path"
    )


def change_interactions(
    interactions: pl.DataFrame,
    items: pl.DataFrame,
    changes: LogChanges,
    threshold: float | None,
    record: ReadingRecord,
) -> pl.DataFrame:
    """Return canonical interactions with the changes made, sorted and merged as before."""
    if changes.are_none:
        return interactions
    log = interactions.select(pl.col("user_id", "item_id").cast(pl.String), "timestamp", "feedback")
    log = changes.apply(log, items["item_id"], record)
    log = log.with_columns(_encode(log["user_id"]), _encode(log["item_id"]))
    log = _merge(log, "the log with its events", record)
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


def _is_sound(values: pl.Series, cell: Cell) -> bool:
    """Return whether values are what their cells may be; of ids each one is enough, once."""
    if values.null_count():
        return False
    if cell.is_sound is None:
        return True
    return bool(values.to_frame("value").select(cell.is_sound.all()).item())


def _require_readable(frame: pl.LazyFrame, cell: Cell, file: Path, *, may_be_empty: bool) -> None:
    """Refuse a column with cells that cannot be read, showing the first of them."""
    is_bad = pl.col("value").is_null()
    if cell.is_sound is not None:
        is_bad |= ~cell.is_sound
    if may_be_empty:
        raw_text = pl.col("raw").cast(pl.String, strict=False).str.strip_chars()
        is_bad &= ~is_missing(raw_text)
    if ROW not in frame.collect_schema():
        frame = frame.with_row_index(ROW, offset=1).with_columns(pl.lit(str(file)).alias(FILE))
    cells = frame.select(row=ROW, file=FILE, raw=cell.column, value=cell.value)
    bad = collect(cells.filter(is_bad).head(SAMPLE_ROWS), file)
    if bad.height:
        shown = ", ".join(
            f"row {row}: {found!r}{cell.comment(str(found))}"
            for row, _, found, _ in bad.iter_rows()
        )
        raise UserError(bad["file"][0], cell.rule, cell.remedy, shorten(shown))


def _require_all(raw: RawInteractions, n_read: int) -> None:
    counts = raw.record.rows_of(raw.file)
    if counts is not None and counts.rows_read != n_read:
        rule, remedy = "every row of the file is read", "report it: a reader has lost some"
        raise UserError(str(raw.file), rule, remedy, f"{n_read:,} of {counts.rows_read:,}")


def _merge(log: pl.DataFrame, called: str, record: ReadingRecord) -> pl.DataFrame:
    """Return the log sorted, of rows that repeat user, item and time the best one alone."""
    merged = log.sort([*KEY, "feedback"]).filter(~_is_repeated())
    n_repeated = log.height - merged.height
    line = f"{called}: merged {n_repeated:,} rows that repeat user, item and time"
    record.count("rows_repeated", n_repeated, line)
    return merged


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
