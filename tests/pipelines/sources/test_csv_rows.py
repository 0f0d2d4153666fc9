"""No row of text is lost: what is read is what Python's ``csv`` module reads, or an error."""

from __future__ import annotations

import csv
import gzip
import io
import random
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from expectations.contracts.errors import UserError
from pipelines.sources.raw import csv_text
from pipelines.sources.raw.csv_text import CsvForm
from pipelines.sources.raw.record import ReadingRecord, RowCounts
from pipelines.sources.raw.tables import collect, names_of, scan_raw

NAMES = ["user", "item", "note", "more"]
Rows = list[list[str]]


def read(path: Path, form: CsvForm = CsvForm(), columns: list[str] | None = None) -> Rows:  # noqa: B008
    """Return the cells that are read; the counts must be those of the rows."""
    record = ReadingRecord()
    frame = scan_raw(path, NAMES[:2], record, form)
    table = collect(frame.select(columns or names_of(frame, path)), path)
    counts = record.rows_of(path)
    assert counts is not None
    assert counts.rows_in_file == counts.rows_read + counts.rows_empty
    assert counts.rows_read == table.height
    return [[cell or "" for cell in row] for row in table.iter_rows()]


def expected(text: str, form: CsvForm = CsvForm()) -> tuple[Rows, bool]:  # noqa: B008
    """Return what the ``csv`` module reads, empty rows left out, and if all are of one width."""
    quoting = csv.QUOTE_MINIMAL if form.quote else csv.QUOTE_NONE
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=form.delimiter,
        quotechar=form.quote,
        quoting=quoting,
        doublequote=True,
    )
    _, *rows = [row for row in reader if row]
    rows = [row for row in rows if any(cell.strip(csv_text.EMPTY) for cell in row)]
    return rows, all(len(row) == len(NAMES) for row in rows)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let blocks be so small that nearly every row lies at the border of one."""
    monkeypatch.setattr(csv_text, "BLOCK_BYTES", 256)


CELL = st.text(alphabet="ab\"',;\t|\\ é漢\n\r", max_size=6)
ID = st.text(alphabet="ab1é", min_size=1, max_size=3)
ROW = st.tuples(ID, ID, CELL, CELL).map(list)
UNCHECKED = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow)


@settings(max_examples=300, suppress_health_check=UNCHECKED)
@given(
    rows=st.lists(ROW, max_size=20),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le named"]),
    is_packed=st.booleans(),
    has_last_end=st.booleans(),
    columns=st.lists(st.sampled_from(NAMES), min_size=1, unique=True),
)
def test_what_the_csv_module_writes_is_read_as_it_was(
    rows: Rows,
    delimiter: str,
    end: str,
    quoting: int,
    encoding: str,
    is_packed: bool,
    has_last_end: bool,
    columns: list[str],
    tmp_path: Path,
    small_blocks: None,
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerows([NAMES, *rows])
    text = out.getvalue() if has_last_end else out.getvalue().removesuffix(end)
    named = encoding.removesuffix(" named")
    path = tmp_path / ("log.csv.gz" if is_packed else "log.csv")
    content = text.encode(named)
    path.write_bytes(gzip.compress(content) if is_packed else content)
    form = CsvForm(delimiter, encoding=named if encoding.endswith("named") else None)
    wanted = [[row[NAMES.index(name)] for name in columns] for row in rows]
    assume(expected(text, form)[0] == rows)  # the module leaves some line ends unquoted
    assert read(path, form, columns) == wanted


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("has_last_end", [True, False])
def test_a_line_end_in_a_cell_is_whole_wherever_a_block_ends(
    tmp_path: Path, has_last_end: bool
) -> None:
    path = tmp_path / "log.csv"
    for letters in range(220, 270):  # a block has 256 bytes
        note = "x" * letters + "\r\ny"
        end = b"\r" if has_last_end else b""
        path.write_bytes(",".join(NAMES).encode() + f'\r1,2,"{note}","\r\n"'.encode() + end)
        assert read(path) == [["1", "2", note, "\r\n"]]


LINE = st.text(alphabet='ab,," ', max_size=14)


@settings(max_examples=500, suppress_health_check=UNCHECKED)
@given(
    lines=st.lists(st.one_of(ROW.map(lambda row: ",".join(row)), LINE), max_size=12),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    has_quotes=st.booleans(),
)
def test_any_text_is_read_as_the_csv_module_does_or_refused(
    lines: list[str], end: str, has_quotes: bool, tmp_path: Path, small_blocks: None
) -> None:
    text = end.join([",".join(NAMES), *lines]) + end
    form = CsvForm(quote='"' if has_quotes else None)
    path = tmp_path / "log.csv"
    path.write_bytes(text.encode())
    rows, are_alike = expected(text, form)
    lacks_ids = any(not "".join(row[:2]).strip(csv_text.EMPTY) for row in rows)
    has_lines = any("\n" in cell or "\r" in cell for row in rows for cell in row)
    try:
        found = read(path, form)
    except UserError:
        assert not are_alike or lacks_ids or has_lines
        return
    assert are_alike
    assert found == rows


@settings(max_examples=60, suppress_health_check=UNCHECKED)
@given(
    marked=st.sets(st.integers(0, 59), min_size=1, max_size=8),
    cell=st.sampled_from(['tv 19"', 'a"b', 'a""b', 'x"', "5' 11\"", '" ', "'", 'say "hi" now']),
    column=st.sampled_from([2, 3]),
)
def test_stray_quotes_of_columns_nobody_asked_for_lose_no_row(
    marked: set[int], cell: str, column: int, tmp_path: Path, small_blocks: None
) -> None:
    lines = [",".join(NAMES)]
    for n in range(60):
        row = [f"u{n}", f"i{n}", "x", "y"]
        if n in marked:
            row[column] = f"a{cell}" if cell.startswith('"') else cell
        lines.append(",".join(row))
    path = tmp_path / "log.csv"
    path.write_text("\n".join(lines) + "\n")
    assert read(path, columns=["user"]) == [[f"u{n}"] for n in range(60)]


@pytest.mark.parametrize(("end", "seed"), [("\n", 0), ("\r\n", 1), ("\r", 2)])
def test_a_large_file_is_read_as_the_csv_module_does(tmp_path: Path, end: str, seed: int) -> None:
    drawn = random.Random(seed)
    notes = ["", "x", 'tv 19"', '"a, b"', '"two\nlines"', '"quoted ""twice"""', "é漢", '""', "a'b"]
    lines = [",".join(NAMES)]
    for n in range(250_000):
        lines.append(f"u{n % 997},i{n},{drawn.choice(notes)},{drawn.choice(notes)}")
    text = end.join(lines) + end
    assert len(text) > csv_text.BLOCK_BYTES
    path = tmp_path / "log.csv"
    path.write_text(text, encoding="utf-8", newline="")
    rows, are_alike = expected(text)
    assert are_alike
    assert read(path) == rows
    assert len(rows) == 250_000


LOST = {
    "opened, closed in another row's end": 'u1,i1,x,y\nu2,i2,"12 tv,y\nu3,i3,x,y\nu4,i4,13 tv",y\n',
    "opened, closed where another opens": 'u1,i1,x,y\nu2,i2,x,"12 tv\nu3,i3,x,y\nu4,i4,x,"13 tv\n',
    "a lone quote twice": 'u1,i1,x,y\nu2,i2,x,"\nu3,i3,x,y\nu4,i4,x,"\nu5,i5,x,y\n',
    "opened and never closed": 'u1,i1,x,y\nu2,i2,x,"12 tv\nu3,i3,x,y\nu4,i4,x,y\n',
    "never closed, in the middle": 'u1,i1,x,y\nu2,i2,"12 tv,y\nu3,i3,x,y\nu4,i4,x,y\n',
    "an id that opens one": 'u1,i1,x,y\n"u2,i2,x,y\nu3",i3,x,y\nu4,i4,x,y\n',
    "a swallowed id like no other": (
        'anna,red hat,x,"12 tv\nbo-2,blue hat,x,y\ncleo,cap (7),x,y\n'
        'dan,red hat,x,"13 tv\neve,red hat,x,y\n'
    ),
    "with an empty line between": 'u1,i1,x,y\nu2,i2,x,"12\n\nu3,i3,x,y\nu4,i4,x,"13\nu5,i5,x,y\n',
    "with carriage returns": 'u1,i1,x,y\r\nu2,i2,x,"12\r\nu3,i3,x,y\r\nu4,i4,x,"13\r\n',
    "a row of three cells": "u1,i1,x,y\nu2,i2,x\n",
    "a row of five cells": "u1,i1,x,y\nu2,i2,x,y,z\n",
    "a row of one cell": "u1,i1,x,y\nhello\n",
    "a summary at the end": "u1,i1,x,y\n(2 rows)\n",
    "ids missing, another cell filled": "u1,i1,x,y\n,,x,\n",
}


@pytest.mark.parametrize("case", LOST)
def test_rows_that_would_be_lost_are_refused_in_one_line(tmp_path: Path, case: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text("user,item,note,more\n" + LOST[case], newline="")
    with pytest.raises(UserError) as caught:
        read(path)
    assert "row" in str(caught.value)
    assert str(caught.value).isprintable()


def test_with_quotes_as_letters_the_same_rows_are_all_read(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text('user,item,note,more\nu1,i1,x,"12 tv\nu2,i2,x,y\nu3,i3,x,"13 tv\n')
    found = read(path, CsvForm(quote=None))
    assert found == [
        ["u1", "i1", "x", '"12 tv'],
        ["u2", "i2", "x", "y"],
        ["u3", "i3", "x", '"13 tv'],
    ]


KEPT = {
    "text of several lines": ('u1,i1,"one\ntwo, three",y\n', 1),
    "a poem with a comma in each line": ('u1,i1,"roses, red\nviolets, blue\nsugar, sweet",y\n', 1),
    "as many commas as columns, no id": (
        'u1,i1,x,"a\nGood for a cat, a dog, a bird, and, us"\n',
        1,
    ),
    "lines at the end of the last cell": ('u1,i1,x,"a\n"\nu2,i2,x,y\n', 2),
    "closed at the end of the file": ('u1,i1,x,"a\nb"', 1),
    "never closed, in the last row": ('u1,i1,x,y\nu2,i2,x,"12 tv\n', 2),
}


@pytest.mark.parametrize("case", KEPT)
def test_cells_of_several_lines_are_no_loss(tmp_path: Path, case: str) -> None:
    content, n_rows = KEPT[case]
    path = tmp_path / "log.csv"
    path.write_text("user,item,note,more\n" + content)
    assert read(path) == expected(path.read_text())[0]
    assert len(read(path)) == n_rows


EMPTY = {
    "one blank line": "\n",
    "three blank lines": "\n\n\n",
    "blanks": "  \n\t\n",
    "commas": ",,,\n",
    "commas and blanks": " , ,,\n",
    "quoted nothing": '"","","",""\n',
    "one quoted nothing": '""\n',
    "the end of a file of DOS": "\x1a",
    "a lone carriage return": "\r",
    "zeros": "\0\0\0\n",
}


@pytest.mark.parametrize("case", EMPTY)
@pytest.mark.parametrize("place", ["last", "between", "first"])
def test_rows_without_a_letter_are_counted_and_passed_over(
    tmp_path: Path, case: str, place: str
) -> None:
    path = tmp_path / "log.csv"
    rows = ["u1,i1,x,y\n", "u2,i2,x,y\n"]
    line = EMPTY[case] if EMPTY[case][-1] in "\r\n" or place == "last" else EMPTY[case] + "\n"
    rows.insert({"first": 0, "between": 1, "last": 2}[place], line)
    path.write_text("user,item,note,more\n" + "".join(rows), newline="")
    if "\0" in case or case == "zeros":
        with pytest.raises(UserError, match="the file is text"):
            read(path)
        return
    assert [row[0] for row in read(path)] == ["u1", "u2"]


def test_rows_keep_their_numbers_beside_empty_ones(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("user,item,note,more\nu1,i1,x,y\n\n,,,\nu4,i4,x,y\n \nu6,i6,x,y\n")
    record = ReadingRecord()
    frame = scan_raw(path, NAMES[:2], record)
    table = collect(frame, path)
    assert table["__row__"].to_list() == [1, 4, 6]
    assert record.rows_of(path) == RowCounts(6, 3, 3)
    assert "6 rows: 3 read, 3 empty" in RowCounts(6, 3, 3).in_words()


def test_escaped_quotes_are_read_where_the_settings_say_so(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text('user,item,note,more\nu1,i1,"say \\"hi\\", now",y\nu2,i2,x,y\n')
    found = read(path, CsvForm(escape="\\"))
    assert found == [["u1", "i1", 'say "hi", now', "y"], ["u2", "i2", "x", "y"]]


def test_a_column_named_twice_is_refused_where_it_is_used(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("user,item,user,more\nu1,i1,x,y\n")
    with pytest.raises(UserError, match="there is one column 'user'"):
        read(path)


def test_a_cell_longer_than_a_block_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(f'user,item,note,more\nu1,i1,x,y\nu2,i2,x,"{"u,i,x,y" * 2_000_000}"\n')
    with pytest.raises(UserError, match="no row is longer than 1 MB"):
        read(path)


def test_a_second_pass_counts_no_row_twice(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("user,item,note,more\n" + "u1,i1,x,y\n" * 5)
    record = ReadingRecord()
    frame = scan_raw(path, NAMES[:2], record)
    assert collect(frame.head(2), path).height == 2
    assert record.rows_of(path) is None  # not read to its end
    for _ in range(2):
        assert collect(frame.select(pl.len()), path).item() == 5
    assert record.rows_of(path) == RowCounts(5, 0, 5)


@pytest.mark.parametrize("end", [",", ",,", ',""'])
def test_a_column_without_a_name_is_no_hindrance(tmp_path: Path, end: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(f"user,item,note,more{end}\nu1,i1,x,y{end}\nu2,i2,x,y{end}\n")
    frame = scan_raw(path, NAMES[:2], ReadingRecord())
    assert collect(frame.select("user", "more"), path).rows() == [("u1", "y"), ("u2", "y")]
    assert collect(frame, path)["user"].to_list() == ["u1", "u2"]
