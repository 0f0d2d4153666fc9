"""The bytes of a text file: read whole as the text they are, or refused in one clear line."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from expectations.contracts.errors import UserError
from pipelines.sources.raw.csv_text import CsvForm
from pipelines.sources.raw.record import ReadingRecord
from pipelines.sources.raw.tables import collect, names_of, scan_raw


def read(path: Path, form: CsvForm = CsvForm()) -> list[list[str]]:  # noqa: B008
    """Return the cells that are read."""
    frame = scan_raw(path, ["user", "item"], ReadingRecord(), form)
    return [list(row) for row in collect(frame.select(names_of(frame, path)), path).iter_rows()]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("n_before", [0, 3, 30_000])
def test_a_zero_byte_is_named_by_its_line_wherever_it_stands(
    tmp_path: Path, n_before: int, end: str
) -> None:
    path = tmp_path / "log.csv"
    rows = ["user,item,note,more", *["u1,i1,x,y"] * n_before, "u2,i\0,x,y"]
    path.write_text("".join(row + end for row in rows), newline="")
    with pytest.raises(UserError) as caught:
        read(path)
    assert caught.value.rule == "the file is text"
    assert f"line {n_before + 2}: " in caught.value.sample
    assert r"u2,i\x00,x,y" in caught.value.sample


NO_UTF8 = {
    "the header": (b"user,item,n\xf4te,more", b"u1,i1,x,y", 1),
    "a cell": (b"user,item,note,more", b"u1,i1,Jos\xe9,y", 0),
    "a row of odd width": (b"user,item,note,more", b"u1,i1,Jos\xe9, x,y", 0),
    "half a letter": (b"user,item,note,more", b"u1,i1,x,Jos\xc3", 0),
}


@pytest.mark.parametrize("n_before", [0, 3, 30_000])
@pytest.mark.parametrize("case", NO_UTF8)
def test_bytes_that_are_no_utf8_are_named_by_their_line_wherever_they_stand(
    tmp_path: Path, case: str, n_before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    header, row, line = NO_UTF8[case]
    path = tmp_path / "log.csv"
    path.write_bytes(b"\n".join([header, *["u1,é,x,y".encode()] * n_before, row]))
    unraised: list[object] = []  # what Arrow's handlers raise is printed, not raised
    monkeypatch.setattr(sys, "unraisablehook", unraised.append)
    with pytest.raises(UserError, match=r"dataset\.files\.encoding") as caught:
        read(path)
    assert caught.value.rule == "the file is UTF-8 text"
    assert f"line {line or n_before + 2}: " in caught.value.sample
    assert not unraised


ENCODED = {
    "latin-1": (None, "UTF-8"),
    "cp1251": (None, "UTF-8"),
    "shift_jis": (None, "UTF-8"),
    "gb18030": (None, "UTF-8"),
    "cp1252": (None, "UTF-8"),
    "utf-16-le": (None, "the file is text"),
    "utf-16-be": (None, "the file is text"),
}
WORDS = {"cp1251": "Мир", "shift_jis": "日本", "gb18030": "汉字", "utf-16-le": "日本"}


@pytest.mark.parametrize("encoding", ENCODED)
def test_another_encoding_is_refused_with_the_setting_that_reads_it(
    tmp_path: Path, encoding: str
) -> None:
    word = WORDS.get(encoding, "José")
    path = tmp_path / "log.csv"
    path.write_bytes(f"user,item,note,more\n{word},i1,x,y\n".encode(encoding))
    _, rule = ENCODED[encoding]
    with pytest.raises(UserError, match=r"dataset\.files\.encoding") as caught:
        read(path)
    assert rule in caught.value.rule
    assert read(path, CsvForm(encoding=encoding)) == [[word, "i1", "x", "y"]]


@pytest.mark.parametrize("mark", [codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_a_byte_order_mark_says_the_encoding(tmp_path: Path, mark: bytes) -> None:
    encoding = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le"}.get(mark, "utf-16-be")
    path = tmp_path / "log.csv"
    path.write_bytes(mark + "user,item,note,more\nJosé,i1,x,y\n".encode(encoding))
    assert read(path) == [["José", "i1", "x", "y"]]


def test_bytes_that_are_not_of_the_named_encoding_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b"user,item,note,more\nJos\xe9,i1,x,y\n")
    with pytest.raises(UserError, match=r"dataset\.files\.encoding"):
        read(path, CsvForm(encoding="ascii"))


PACKERS: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress}


@pytest.mark.parametrize("ending", PACKERS)
def test_a_packed_file_is_read_whole_or_refused_whichever_byte_is_damaged(
    tmp_path: Path, ending: str
) -> None:
    rows = [["u1", f"i{k % 7}", "x", str(k * k)] for k in range(200)]
    text = "user,item,note,more\n" + "".join(",".join(row) + "\n" for row in rows)
    packed = PACKERS[ending](text.encode())
    path = tmp_path / f"log.csv.{ending}"
    refused = 0
    for place in range(0, len(packed), 5):
        damaged = bytearray(packed)
        damaged[place] ^= 0x81
        path.write_bytes(damaged)
        try:
            assert read(path) == rows
        except UserError as error:
            refused += "the file is" in error.rule
        path.write_bytes(packed[:place])
        with pytest.raises(UserError):
            read(path)
    assert refused > len(packed) / 5 - 10


@pytest.mark.parametrize("ending", PACKERS)
def test_packed_files_one_after_another_are_one(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"log.csv.{ending}"
    pack = PACKERS[ending]
    path.write_bytes(pack(b"user,item,note,more\nu1,i1,x,y\n") + pack(b"u2,i2,x,y\n"))
    assert read(path) == [["u1", "i1", "x", "y"], ["u2", "i2", "x", "y"]]


OTHER_KINDS = {
    "gzip": (gzip.compress(b"user,item\n"), ".gz"),
    "Zstandard": (b"\x28\xb5\x2f\xfd\x04\x00", ".zst"),
    "Parquet": (b"PAR1\x15\x04", ".parquet"),
    "a zip archive or a workbook": (b"PK\x03\x04\x14\x00", "unpack it"),
    "xz": (lzma.compress(b"user,item\n"), "unpack it"),
    "a database": (b"SQLite format 3\x00", "export its tables"),
}


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_a_file_of_another_kind_is_called_what_it_is(tmp_path: Path, kind: str) -> None:
    content, remedy = OTHER_KINDS[kind]
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"found: {kind}\)\. Remedy: .*{remedy}"):
        read(path)
