"""Artefacts appear whole or not at all, and are checked on both ways."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from expectations.contracts.errors import ContractError, UserError
from expectations.contracts.tables import ITEM_POPULARITY
from pipelines.io.artefact_io import (
    TableWriter,
    atomic_folder,
    count_rows,
    read_json,
    read_table,
    write_json,
    write_table,
)

POPULARITY = pl.DataFrame({"item_id": ["a", "b"], "n_positive": [3, 1]})


def test_a_table_comes_back_as_written_and_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "popularity.parquet"
    write_table(POPULARITY, path, ITEM_POPULARITY)
    first = path.read_bytes()
    write_table(POPULARITY, path, ITEM_POPULARITY)
    assert path.read_bytes() == first
    assert read_table(path, ITEM_POPULARITY).equals(POPULARITY)


def test_a_refused_table_leaves_nothing_behind(tmp_path: Path) -> None:
    twice = pl.concat([POPULARITY, POPULARITY])
    with pytest.raises(ContractError, match="unique"):
        write_table(twice, tmp_path / "popularity.parquet", ITEM_POPULARITY)
    assert list(tmp_path.iterdir()) == []


def test_pieces_make_one_table_and_an_error_makes_none(tmp_path: Path) -> None:
    path = tmp_path / "popularity.parquet"
    with TableWriter(path, ITEM_POPULARITY) as writer:
        writer.write(POPULARITY.head(1))
        writer.write(POPULARITY.head(0))
        writer.write(POPULARITY.tail(1))
    assert read_table(path, ITEM_POPULARITY).equals(POPULARITY)
    broken = tmp_path / "broken.parquet"

    def write_a_bad_piece() -> None:
        with TableWriter(broken, ITEM_POPULARITY) as writer:
            writer.write(POPULARITY)
            writer.write(POPULARITY.with_columns(n_positive=-1))

    with pytest.raises(ContractError):
        write_a_bad_piece()
    assert not list(tmp_path.glob("broken*"))


def test_junk_and_absence_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="dvc repro"):
        read_table(tmp_path / "none.parquet", ITEM_POPULARITY)
    other = tmp_path / "other.parquet"
    POPULARITY.rename({"n_positive": "count"}).write_parquet(other)
    with pytest.raises(ContractError, match="has the columns"):
        read_table(other, ITEM_POPULARITY)
    junk = tmp_path / "junk.parquet"
    junk.write_bytes(b"\x00\x01junk")
    with pytest.raises(UserError, match="is a Parquet file"):
        read_table(junk, ITEM_POPULARITY)


def test_a_table_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "popularity.parquet"
    write_table(POPULARITY, path, ITEM_POPULARITY)
    whole = path.read_bytes()
    for length in range(0, len(whole), 3):
        path.write_bytes(whole[:length])
        for reading in (lambda: read_table(path, ITEM_POPULARITY), lambda: count_rows(path)):
            with pytest.raises(UserError, match="is a Parquet file"):
                reading()


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"\xff\xfe", b"[1]\n", b"null\n"])
def test_what_holds_no_json_object_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.json").write_bytes(content)
    with pytest.raises(UserError, match=r"m\.json: holds a JSON object.*dvc repro"):
        read_json(tmp_path / "m.json")


def test_json_refuses_what_is_no_number(tmp_path: Path) -> None:
    write_json({"b": 1, "a": 0.5}, tmp_path / "m.json")
    assert read_json(tmp_path / "m.json") == {"a": 0.5, "b": 1}
    with pytest.raises(ValueError, match="JSON"):
        write_json({"a": float("nan")}, tmp_path / "n.json")
    assert not list(tmp_path.glob("n.json*"))


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with atomic_folder(target) as folder:
        (folder / "old").write_text("1")
    with atomic_folder(target) as folder:
        (folder / "new").write_text("2")
    assert [path.name for path in target.iterdir()] == ["new"]

    def fill_and_fail() -> None:
        with atomic_folder(target) as folder:
            (folder / "half").write_text("3")
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        fill_and_fail()
    assert [path.name for path in target.iterdir()] == ["new"]
