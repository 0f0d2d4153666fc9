"""Ids that are written in two ways are told of, and no other ids are."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sources.alike_ids import note_alike
from pipelines.sources.raw.record import ReadingRecord

LOG = Path("folder/interactions.csv")


def notes_on(*ids: str) -> list[str]:
    record = ReadingRecord()
    note_alike(record, LOG, "users", pl.Series(list(ids), dtype=pl.String))
    return record.notes


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("12", "12.0"),
        ("7", "007"),
        ("Ann@example.org", "ann@example.org"),
        ("Ren\u00e9", unicodedata.normalize("NFD", "Ren\u00e9")),
        ("\uff11\uff12", "12"),
    ],
)
def test_one_id_in_two_ways_is_told_of(one: str, other: str) -> None:
    (note,) = notes_on(one, "someone else", other, one)
    assert note.startswith("interactions.csv: 2 of 3 users have an id that is another's but for ")
    assert ascii(one) in note
    assert ascii(other) in note
    assert note.isascii(), "what looks alike is told apart"


@pytest.mark.parametrize("ids", [("0", "00x"), ("1.5", "1"), ("10", "1"), ("a.0", "a"), ("", "0")])
def test_ids_that_differ_are_not(ids: tuple[str, str]) -> None:
    assert notes_on(*ids) == []


@given(st.sets(st.integers(0, 10**12).map(str), max_size=50))
def test_numbers_written_in_one_way_are_never_told_of(ids: set[str]) -> None:
    assert notes_on(*ids, *ids) == []
