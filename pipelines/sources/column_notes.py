"""Tells a reader what each column of a raw table became, and which ones were left aside."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from pipelines.sources.raw.one_line import list_names
from pipelines.sources.raw.record import FILE, ROW, ReadingRecord

LETTERS = r"\p{L}{2}"


def note_items(
    record: ReadingRecord, file: Path, became: Mapping[str, str], sample: pl.DataFrame
) -> None:
    """Note what the columns of a catalogue became.

    Args:
        record: takes the notes.
        file: where the catalogue lies.
        became: what each used column became, in words.
        sample: some of its rows.
    """
    _note_used(record, file, became)
    unused = [name for name in sample.columns if name not in (*became, ROW, FILE)]
    texts = [name for name in unused if _is_text(sample[name])]
    if texts:
        names = list_names(texts)
        hint = "dataset.files.text, a list of columns, takes them, beside those to be kept"
        record.note(f"{file.name}: not used, though they are text: {names}; {hint}")
    if others := [name for name in unused if name not in texts]:
        record.note(f"{file.name}: not used: {list_names(others)}")


def note_log(
    record: ReadingRecord, file: Path, became: Mapping[str, str], sample: pl.DataFrame
) -> None:
    """Note what the columns of a log became. The arguments are those of :func:`note_items`."""
    _note_used(record, file, became)
    unused = [name for name in sample.columns if name not in (*became, ROW, FILE)]
    numbers = [name for name in unused if _is_number(sample[name])]
    has_feedback = "feedback" in became.values()
    if numbers and not has_feedback:
        hint = "if one of them tells how much it was liked, name it in dataset.files.feedback"
        names = list_names(numbers)
        record.note(f"{file.name}: not used, though they are numbers: {names}; {hint}")
        unused = [name for name in unused if name not in numbers]
    if unused:
        record.note(f"{file.name}: not used: {list_names(unused)}")


def _note_used(record: ReadingRecord, file: Path, became: Mapping[str, str]) -> None:
    told = "; ".join(f"{column} is {role}" for column, role in became.items())
    record.note(f"{file.name}: {told}")


def _is_text(sample: pl.Series) -> bool:
    dtype = sample.dtype
    if isinstance(dtype, pl.List | pl.Array):
        return dtype.inner in (pl.String, pl.Categorical)
    if dtype not in (pl.String, pl.Categorical, pl.Enum):
        return False
    cells = sample.cast(pl.String).drop_nulls()
    return len(cells) > 0 and 2 * int(cells.str.contains(LETTERS).sum()) > len(cells)


def _is_number(sample: pl.Series) -> bool:
    if sample.dtype.is_numeric():
        return True
    if sample.dtype != pl.String:
        return False
    cells = sample.drop_nulls().str.strip_chars()
    return len(cells) > 0 and cells.cast(pl.Float64, strict=False).null_count() == 0
