"""Tells of ids that look as if they were one: written in two ways, a person becomes two people."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from pipelines.sources.raw.one_line import shorten
from pipelines.sources.raw.record import ReadingRecord

SHOWN = 4
"""Ids in the note: two pairs as a rule."""
WAYS = "case, leading zeros, a .0 at the end or how accents are encoded"


def note_alike(record: ReadingRecord, file: Path, what: str, ids: pl.Series) -> None:
    """Note which ids are another's but for :data:`WAYS`; they stay apart.

    Args:
        record: takes the note.
        file: where they are from.
        what: users or items.
        ids: of them, repeated or not.
    """
    bare = (
        pl.col("id")
        .str.normalize("NFKC")
        .str.to_lowercase()
        .str.replace(r"^(\d+)\.0+$", "$1")
        .str.replace(r"^0+(\d)", "$1")
    )
    distinct = ids.unique().cast(pl.String).alias("id").to_frame().with_columns(bare=bare)
    alike = distinct.filter(pl.len().over("bare") > 1).sort("bare", "id")
    if alike.height:
        shown = shorten(", ".join(map(ascii, alike["id"].head(SHOWN))))  # accents would look alike
        record.note(
            f"{file.name}: {alike.height:,} of {distinct.height:,} {what} have an id that is "
            f"another's but for {WAYS}, such as {shown}; each is taken as one of its own"
        )
