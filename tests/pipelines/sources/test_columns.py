"""Which columns of a catalogue are used without being asked for, and what is said of others."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from expectations.contracts.errors import UserError
from pipelines.sources.canonical import read_items
from pipelines.sources.config import FilesConfig
from pipelines.sources.files import scan_items, scan_log
from pipelines.sources.movielens import open_movielens
from pipelines.sources.raw.record import ReadingRecord
from tests.worlds.sources import FILMS, write_grouplens

DEFAULTS = FilesConfig()


def read(folder: Path, columns: dict[str, list[object]], config: FilesConfig = DEFAULTS):  # noqa: ANN201
    """Return the catalogue that these columns become, as Parquet, and what is said of them."""
    n_rows = len(next(iter(columns.values())))
    frame = pl.DataFrame({"item_id": [f"i{n}" for n in range(n_rows)], **columns}, strict=False)
    if "title" not in columns:
        frame = frame.with_columns(title=pl.lit("T"))
    frame.write_parquet(folder / "items.parquet")
    record = ReadingRecord()
    return read_items(scan_items(folder / "items.parquet", config, record)), record.notes


USUAL = {
    "genres": (["Action|Comedy"], "Action, Comedy"),
    "Genres": (["Action|Comedy"], "Action, Comedy"),
    "genre": (["Drama"], "Drama"),
    "tags": (["dark; slow"], "dark, slow"),
    "Tags": (["dark,slow"], "dark, slow"),
    "keywords": (["['a b', 'c']"], "a b, c"),
    "category": (["Office > Ink"], "Office > Ink"),
    "categories": ([["Toys", "Dolls"]], "Toys, Dolls"),
    "author": (["Jane Doe"], "Jane Doe"),
    "authors": (['["J. Doe", "K. Roe"]'], "J. Doe, K. Roe"),
    "artist": (["ABBA"], "ABBA"),
    "brand": (["HP|x"], "HP|x"),
    "description": (["A, b | c"], "A, b | c"),
    "overview": (["A, b | c"], "A, b | c"),
    "director": (["Wes Anderson"], "Wes Anderson"),
    "publisher": (["Tor Books"], "Tor Books"),
    "album": (["Arrival"], "Arrival"),
    "year": ([1995], "1995"),
    "Release Year": ([1995.0], "1995"),
    "subjects": (["{Whales,Sea}"], "Whales, Sea"),
}


@pytest.mark.parametrize("name", USUAL)
def test_columns_whose_names_say_enough_are_used(name: str, tmp_path: Path) -> None:
    cells, text = USUAL[name]
    items, notes = read(tmp_path, {name: cells})
    assert items["text"].to_list() == [text]
    assert any(f"{name} is text" in note for note in notes)


LISTS = {
    "bars": "Action|Sci-Fi|Comedy",
    "bars with blanks": "Action | Sci-Fi | Comedy",
    "commas": "Action,Sci-Fi,Comedy",
    "commas with blanks": "Action, Sci-Fi, Comedy",
    "semicolons": "Action;Sci-Fi; Comedy",
    "Python": "['Action', 'Sci-Fi', 'Comedy']",
    "JSON": '["Action", "Sci-Fi", "Comedy"]',
    "Postgres": "{Action,Sci-Fi,Comedy}",
    "a trailing bar": "Action|Sci-Fi|Comedy|",
    "an element that says nothing": "Action|unknown|Sci-Fi|Comedy",
    "a tuple": "('Action', 'Sci-Fi', 'Comedy')",
}


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_lists_are_read_in_whatever_way_they_are_written(
    kind: str, suffix: str, tmp_path: Path
) -> None:
    frame = pl.DataFrame({"item_id": ["a", "b"], "title": ["A", "B"], "genres": [LISTS[kind], ""]})
    path = tmp_path / f"items.{suffix}"
    frame.write_csv(path) if suffix == "csv" else frame.write_parquet(path)
    items = read_items(scan_items(path, DEFAULTS, ReadingRecord()))
    assert items["text"].to_list() == ["Action, Sci-Fi, Comedy", ""]
    assert items["category_path"].to_list() == [["Action", "Sci-Fi", "Comedy"], None]


@pytest.mark.parametrize(
    ("cell", "path"),
    [
        ("Arts, Crafts & Sewing", ["Arts, Crafts & Sewing"]),
        ("Home, Garden > Tools, Saws", ["Home, Garden", "Tools, Saws"]),
        ("Home, Garden|Tools", ["Home, Garden", "Tools"]),
        ("['Home, Garden', 'Tools']", ["Home, Garden", "Tools"]),
        ("{Home,Tools}", ["Home", "Tools"]),
        ("Tools", ["Tools"]),
    ],
)
@pytest.mark.parametrize("name", ["category", "categories"])
def test_a_comma_belongs_to_the_name_of_a_category(
    name: str, cell: str, path: list[str], tmp_path: Path
) -> None:
    items, _ = read(tmp_path, {name: [cell]})
    assert items["category_path"].to_list() == [path]


@pytest.mark.parametrize("nothing", ["(no genres listed)", "unknown", "N/A", "[]", "", "|", "None"])
def test_a_list_that_says_nothing_is_no_text(nothing: str, tmp_path: Path) -> None:
    items, _ = read(tmp_path, {"genres": [nothing]})
    assert items["text"].to_list() == [""]
    assert items["category_path"].to_list() == [None]


def test_a_movielens_export_reads_as_the_source_movielens_does(tmp_path: Path) -> None:
    films = [(number, title, "1995", genres) for number, title, genres in FILMS]
    frame = pl.DataFrame(films, schema=["item_id", "title", "year", "genres"], orient="row")
    frame.write_csv(tmp_path / "items.csv")
    items = read_items(scan_items(tmp_path / "items.csv", DEFAULTS, ReadingRecord()))
    with open_movielens(write_grouplens(tmp_path / "ml", "csv"), tmp_path / "scratch") as raw:
        known = read_items(raw.items)
    assert items["category_path"].to_list() == known["category_path"].to_list()
    texts = [f"{text}. 1995" if text else "1995" for text in known["text"]]
    assert items["text"].to_list() == texts


def test_settings_overrule_what_is_usual(tmp_path: Path) -> None:
    columns: dict[str, list[object]] = {
        "genres": ["Action"],
        "plot": ["A plot"],
        "mine": ["My own"],
    }
    items, notes = read(tmp_path, columns, FilesConfig(text=("mine",), category=""))
    assert items.select("text", "category_path").row(0) == ("My own", None)
    assert any("not used, though they are text: genres, plot" in note for note in notes)
    items, _ = read(tmp_path, columns, FilesConfig(text=()))
    assert items.select("text", "category_path").row(0) == ("", ["Action"])
    items, _ = read(tmp_path, columns, FilesConfig(category="mine"))
    assert items.select("text", "category_path").row(0) == ("Action. A plot", ["My own"])


def test_what_is_left_aside_is_said_with_the_setting_that_uses_it(tmp_path: Path) -> None:
    columns: dict[str, list[object]] = {
        "blurb": ["some words", "others"],
        "price": [3.5, 4.0],
        "sku": ["1", "2"],
        "colours": [["red"], ["blue"]],
    }
    _, notes = read(tmp_path, columns)
    said = " ".join(notes)
    assert "not used, though they are text: blurb, colours; dataset.files.text" in said
    assert "not used: price, sku" in said


def test_numbers_of_a_log_that_nobody_maps_are_said(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("user_id,item_id,timestamp,rating,device\nu,i,2024-05-31,4.5,phone\n")
    record = ReadingRecord()
    scan_log(path, DEFAULTS, record)
    said = " ".join(record.notes)
    assert "not used, though they are numbers: rating; if one of them tells" in said
    assert "dataset.files.feedback" in said
    assert "not used: device" in said
    record = ReadingRecord()
    scan_log(path, FilesConfig(feedback="rating"), record)
    assert "rating is feedback" in " ".join(record.notes)


TYPED = {
    "a list": (pl.Series([["red", None, " blue "]]), "red, blue"),
    "an array": (pl.Series([["red", "blue"]], dtype=pl.Array(pl.String, 2)), "red, blue"),
    "a list of numbers": (pl.Series([[1, 2]]), "1, 2"),
    "a category": (pl.Series(["red"], dtype=pl.Categorical), "red"),
    "bytes": (pl.Series([b"red"]), "red"),
    "an integer": (pl.Series([7]), "7"),
    "a whole float": (pl.Series([7.0]), "7"),
    "a float": (pl.Series([7.5]), "7.5"),
    "NaN": (pl.Series([float("nan")]), ""),
    "a boolean": (pl.Series([True]), "true"),
    "a day": (pl.Series(["2024-05-31"]).str.to_date(), "2024-05-31"),
    "nothing at all": (pl.Series([None]), ""),
}


@pytest.mark.parametrize("kind", TYPED)
def test_text_of_every_type_is_read(kind: str, tmp_path: Path) -> None:
    column, text = TYPED[kind]
    frame = pl.DataFrame({"item_id": ["a"], "title": ["A"], "mine": column})
    frame.write_parquet(tmp_path / "items.parquet")
    config = FilesConfig(text=("mine",))
    items = read_items(scan_items(tmp_path / "items.parquet", config, ReadingRecord()))
    assert items["text"].to_list() == [text]


@pytest.mark.parametrize("column", [[{"a": "b"}], [[["a"]]], [[{"a": "b"}]]])
def test_a_column_that_cannot_be_spoken_is_named(column: list[object], tmp_path: Path) -> None:
    pl.DataFrame({"item_id": ["a"], "title": ["A"], "mine": column}).write_parquet(
        tmp_path / "items.parquet"
    )
    for config in (FilesConfig(text=("mine",)), FilesConfig(category="mine")):
        with pytest.raises(UserError, match=r"column 'mine' is text \(found: type"):
            scan_items(tmp_path / "items.parquet", config, ReadingRecord())


STEPS = {
    "a list": pl.Series([["Home", None, " ", "Ink &amp; Pens"]]),
    "a list of categories": pl.Series([["Home", "Ink & Pens"]], dtype=pl.List(pl.Categorical)),
    "an array": pl.Series([["Home", "Ink & Pens"]], dtype=pl.Array(pl.String, 2)),
    "a text": pl.Series(["Home > Ink & Pens"]),
}


@pytest.mark.parametrize("kind", STEPS)
def test_the_steps_of_a_category_are_read_from_every_type(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    pl.DataFrame({"item_id": ["a"], "title": ["A"], "mine": STEPS[kind]}).write_parquet(path)
    items = read_items(scan_items(path, FilesConfig(category="mine"), ReadingRecord()))
    assert items["category_path"].to_list() == [["Home", "Ink & Pens"]]


@pytest.mark.parametrize("column", [[[{"id": 1, "name": "Drama"}]], [{"name": "Drama"}], [[["a"]]]])
def test_a_usual_column_that_cannot_be_spoken_is_left_aside(
    column: list[object], tmp_path: Path
) -> None:
    path = tmp_path / "items.parquet"
    pl.DataFrame({"item_id": ["a"], "title": ["A"], "genres": column}).write_parquet(path)
    record = ReadingRecord()
    items = read_items(scan_items(path, DEFAULTS, record))
    assert items.select("text", "category_path").row(0) == ("", None)
    assert "not used: genres" in " ".join(record.notes)
