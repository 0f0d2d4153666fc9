from __future__ import annotations

import doctest

import polars as pl
import pytest

from training.clusters.naming import evidence, exemplars, phrases, spelling, terms
from training.clusters.representation import words
from training.clusters.representation.words import read_words


def words_of(title: str, text: str = "", category_path: list[str] | None = None) -> list[str]:
    items = pl.DataFrame(
        [("a", title, text, category_path)],
        schema={
            "item_id": pl.String,
            "title": pl.String,
            "text": pl.String,
            "category_path": pl.List(pl.String),
        },
        orient="row",
    )
    return read_words(items)["word"].to_list()


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("HP 74 Ink Cartridges (CB335WN, CH561WN)", ["hp", "ink", "cartridges"]),
        ("Canon CLI-251 XL and Catch-22", ["canon", "xl", "catch"]),
        ("6-Sheet Cross-Cut Shredder", ["sheet", "cross-cut", "shredder"]),
        ("The Mask of Zorro (1998)", ["1990s", "mask", "zorro"]),
        ("<b>Gel&nbsp;pens</b> &ndash; 2017", ["gel", "pens"]),
        ("She's the one, don't", []),
        ("Wayne's café", ["wayne's", "café"]),
        ("", []),
    ],
)
def test_only_readable_words_are_read(title: str, expected: list[str]) -> None:
    assert words_of(title) == expected


def test_punctuation_and_stop_words_part_neighbours() -> None:
    items = pl.DataFrame(
        {
            "item_id": ["a"],
            "title": ["gel pens, blue ink of the sea"],
            "text": [""],
            "category_path": [["office supplies", "writing"]],
        }
    )
    found = {(w, f): p for w, f, p in read_words(items).select("word", "field", "position").rows()}
    assert found["pens", "title"] - found["gel", "title"] == 1
    assert found["blue", "title"] - found["pens", "title"] > 1
    assert found["sea", "title"] - found["ink", "title"] > 1
    assert found["writing", "category"] - found["supplies", "category"] > 1


def test_words_link_over_the_stop_words_that_phrases_are_built_with() -> None:
    rows = [("a", "Stand up comedy, home and garden, lord of the sea, from the lake", "", None)]
    schema = {"item_id": pl.String, "title": pl.String, "text": pl.String}
    items = pl.DataFrame(rows, schema={**schema, "category_path": pl.List(pl.String)}, orient="row")
    read = read_words(items)
    position = dict(read.select("word", "position").iter_rows())
    links = {
        word: (link, bridge) for word, link, bridge in read.select("word", "link", "bridge").rows()
    }
    assert links["comedy"] == (position["stand"], "up")
    assert links["garden"] == (position["home"], "")
    assert links["sea"] == (position["lord"], "of the")
    assert links["lake"][0] not in position.values()
    ends = read.filter(pl.col("opens") | pl.col("closes"))["word"].to_list()
    assert ends == ["stand", "comedy", "home", "garden", "lord", "sea", "lake"]


@pytest.mark.parametrize("module", [words, phrases, spelling, terms, evidence, exemplars])
def test_examples_in_docstrings_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]
