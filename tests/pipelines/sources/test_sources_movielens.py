"""Every GroupLens layout gives the same tables, from a folder and from a zip."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from expectations.contracts.errors import UserError
from pipelines.sources.canonical import add_tags, read_interactions, read_items
from pipelines.sources.film_titles import read_title
from pipelines.sources.movielens import open_movielens
from tests.worlds.sources import LAYOUTS, RATINGS, TITLES, write_grouplens, zip_up

LATER = datetime(2030, 1, 1, tzinfo=UTC)


def read(path: Path, scratch: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    with open_movielens(path, scratch) as raw:
        items = add_tags(read_items(raw.items), raw, LATER)
        return items, read_interactions(raw.interactions, 4.0)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_read_whole(layout: str, packed: bool, tmp_path: Path) -> None:
    path = write_grouplens(tmp_path / "ml-tiny", layout)
    if packed:
        path = zip_up(path, tmp_path / "ml-tiny.zip")
    items, interactions = read(path, tmp_path / "scratch")
    assert items["title"].to_list() == TITLES
    assert items["category_path"][0].to_list() == ["Action", "Sci-Fi"]
    assert items["category_path"][4] is None
    assert items["text"].to_list()[0] == "Action, Sci-Fi"
    assert interactions.height == len(RATINGS)
    assert interactions["is_positive"].sum() == 7
    assert interactions["timestamp"].min() == datetime.fromtimestamp(978300275, UTC)
    assert interactions["user_id"].cast(pl.String).is_sorted()
    assert not (tmp_path / "scratch").exists()


def test_a_folder_around_the_data_set_is_fine(tmp_path: Path) -> None:
    write_grouplens(tmp_path / "downloads" / "ml-tiny", "dat")
    items, _ = read(tmp_path / "downloads", tmp_path / "scratch")
    assert items.height == len(TITLES)


def test_only_tags_given_in_time_join_the_text(tmp_path: Path) -> None:
    folder = write_grouplens(tmp_path, "csv")
    (folder / "tags.csv").write_text(
        "userId,movieId,tag,timestamp\n1,1,Hackers,1000000000\n2,1,hackers ,1000000000\n"
        "2,1,bullets,1000000000\n"
        "1,5,bullets,1000000000\n2,1,too late,2000000000\n1,1,too late,2000000000\n"
        "1,5,too late,1000000000\n2,5,quiet,1000000000\n3,5,quiet,1000000000\n"
    )
    with open_movielens(folder, tmp_path / "scratch") as raw:
        items = add_tags(read_items(raw.items), raw, datetime(2020, 1, 1, tzinfo=UTC))
    texts = dict(items.select("item_id", "text").iter_rows())
    assert texts["1"] == "Action, Sci-Fi. hackers, bullets"
    assert texts["5"] == "quiet, bullets"
    assert texts["4"] == "Animation, Comedy"


def test_tags_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    folder = write_grouplens(tmp_path, "csv")
    (folder / "tags.csv").write_text(
        "userId,movieId,tag,timestamp\n1,1,loud,1000000000\n2,1,loud,yesterday\n,1,loud,1000000000\n"
    )
    with open_movielens(folder, tmp_path / "scratch") as raw:
        add_tags(read_items(raw.items), raw, LATER)
    assert raw.record.counts == {"tags_unreadable": 2}
    assert raw.record.notes == ["left out 2 tags without person, film, words or a time of our era"]


def test_a_tag_of_one_person_is_left_out(tmp_path: Path) -> None:
    folder = write_grouplens(tmp_path, "csv")
    (folder / "tags.csv").write_text(
        "userId,movieId,tag,timestamp\n1,1,my queue,1000000000\n1,2,my queue,1000000000\n"
        "1,3,My Queue,1000000000\n"
        "1,5,tom &amp; jerry,1000000000\n2,5,Tom &amp;amp; Jerry,1000000000\n"
    )
    with open_movielens(folder, tmp_path / "scratch") as raw:
        items = add_tags(read_items(raw.items), raw, LATER)
    assert raw.record.counts == {"tags_unreadable": 0}
    assert not items["text"].str.contains("queue").any()
    assert items.filter(pl.col("item_id") == "5")["text"].item() == "tom & jerry"


@pytest.mark.parametrize(
    ("title", "readable"),
    [
        ("Matrix, The (1999)", "The Matrix (1999)"),
        ("Crash", "Crash"),
        ("Beautiful Mind, A (2001)", "A Beautiful Mind (2001)"),
        (
            "Avventura, L' (a.k.a. Adventure, The) (1960)",
            "L'Avventura (a.k.a. The Adventure) (1960)",
        ),
        (
            "City of Lost Children, The (Cité des enfants perdus, La) (1995)",
            "The City of Lost Children (La Cité des enfants perdus) (1995)",
        ),
        ("Good, the Bad and the Ugly, The (1966)", "The Good, the Bad and the Ugly (1966)"),
        ("I, Robot (2004)", "I, Robot (2004)"),
        ("  Two   Blanks, The (1990) ", "The Two Blanks (1990)"),
    ],
)
def test_titles_are_made_readable(title: str, readable: str) -> None:
    assert pl.select(title=pl.lit(title)).select(read_title("title")).item() == readable


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n")
    with pytest.raises(UserError, match=r"ratings\.csv \+ movies\.csv"):
        read(tmp_path, tmp_path / "scratch")


def test_a_damaged_zip_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    archive = zip_up(write_grouplens(tmp_path / "ml", "csv"), tmp_path / "ml.zip")
    archive.write_bytes(archive.read_bytes()[:200])
    with pytest.raises(UserError, match="is a zip"):
        read(archive, tmp_path / "scratch")
    assert not (tmp_path / "scratch").exists()


PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_zip_is_read_whole_or_refused_whichever_byte_is_damaged(
    tmp_path: Path, packing: int
) -> None:
    folder = write_grouplens(tmp_path / "ml", "csv")
    archive = zip_up(folder, tmp_path / "ml.zip", packing)
    whole = archive.read_bytes()
    sound = read(archive, tmp_path / "scratch")
    refused = 0
    for place in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[place] ^= 0x81
        archive.write_bytes(damaged)
        try:
            for table, expected in zip(read(archive, tmp_path / "scratch"), sound, strict=True):
                assert table.equals(expected)
        except UserError:
            refused += 1
    assert refused > len(whole) / 7 / 3  # names and times of an archive's table are free to differ


def test_a_zip_with_a_password_is_refused_with_what_helps(tmp_path: Path) -> None:
    archive = zip_up(write_grouplens(tmp_path / "ml", "csv"), tmp_path / "ml.zip")
    locked = bytearray(archive.read_bytes())
    for opening, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = locked.find(opening)
        while place >= 0:
            locked[place + flags] |= 1  # says that what follows is encrypted
            place = locked.find(opening, place + 1)
    archive.write_bytes(locked)
    with pytest.raises(UserError, match=r"password required.*Remedy: unpack it"):
        read(archive, tmp_path / "scratch")


def test_a_zip_cannot_write_outside_its_scratch_folder(tmp_path: Path) -> None:
    archive = tmp_path / "evil.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("../../movies.csv", "movieId,title,genres\n1,A,B\n")
        opened.writestr("../../ratings.csv", "userId,movieId,rating,timestamp\n1,1,5,978300760\n")
    before = sorted(tmp_path.rglob("*"))
    inside = tmp_path / "a" / "b" / "scratch"
    with open_movielens(archive, inside):
        assert not (tmp_path / "a" / "movies.csv").exists()
        assert all(inside in path.parents for path in tmp_path.rglob("movies.csv"))
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == before


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    folder = write_grouplens(tmp_path, "dat")
    (folder / "movies.dat").write_text("1::A film::Drama\n2::half a line\n")
    with pytest.raises(UserError, match="line 2: 2::half a line"):
        read(folder, tmp_path / "scratch")


@pytest.mark.data
def test_latest_small_is_read_whole(real_data: Path, tmp_path: Path) -> None:
    items, interactions = read(real_data / "ml-latest-small", tmp_path / "scratch")
    assert (items.height, interactions.height) == (9742, 100_836)
    assert interactions["user_id"].n_unique() == 610
    assert "Matrix, The (1999)" not in items["title"].to_list()
