"""Where no word applies to enough of a cluster, it is named by what is in it, and says so."""

from __future__ import annotations

import doctest
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.contracts.values import MAX_DESCRIPTION
from training.clusters import cluster_name
from training.clusters.cluster_name import ClusterName
from training.clusters.config import ClusterConfig
from training.clusters.naming import examples
from training.clusters.naming.describe import describe_tree
from training.clusters.naming.distinction import split_phrase
from training.clusters.naming.examples import name_by_example
from training.clusters.naming.name_quality import measure_names
from training.clusters.naming.phrases import Term
from training.clusters.representation.represent import Representation
from training.clusters.representation.words import read_words
from training.clusters.tree.tree import ClusterTree

CONFIG = ClusterConfig(levels=(2,))


@pytest.mark.parametrize(
    ("titles", "expected"),
    [
        (["Ben-Hur (1959)", "Great Escape, The (1963)"], "like Ben-Hur and The Great Escape"),
        (["Seven Samurai (Shichinin no samurai)", "SEVEN SAMURAI", "Ran"], None),
        (["300", "1984", "Gladiator"], "like Gladiator"),
        (["  Thriller\n[Remastered]\u200b ", "Bad"], "like Thriller and Bad"),
        (["(500) Days of Summer (2009)", "[REC]"], "like (500) Days of Summer and [REC]"),
        (["红楼梦", "西游记"], "like 红楼梦 and 西游记"),
        (
            [
                "Scotch Heavy Duty Shipping Packaging Tape, clear",
                "Pens: the gel ink ones for everybody",
            ],
            "like Scotch Heavy Duty Shipping… and Pens",
        ),
        (["300", "12:30", ""], "nothing"),
    ],
)
def test_titles_are_shown_whole_where_they_fit(titles: list[str], expected: str | None) -> None:
    found = name_by_example(titles, ())
    if expected is None:
        assert found == "like Seven Samurai and Ran"
    elif expected == "nothing":
        assert found is None
    else:
        assert found == expected


def test_the_next_known_items_stand_in_where_a_name_is_taken() -> None:
    titles = ["A Few Good Men", "Big", "Casino"]
    taken: list[str] = []
    while (name := name_by_example(titles, taken)) is not None:
        taken.append(name)
    assert taken[:3] == [
        "like A Few Good Men and Big",
        "like A Few Good Men and Casino",
        "like Big and Casino",
    ]
    assert len({name.casefold() for name in taken}) == len(taken) == 6


TITLES = st.lists(
    st.text(st.sampled_from("ab Ab,:-–()机器学习หนังสือ\u200c…é\n"), max_size=90), max_size=5
)


@given(TITLES)
def test_an_example_fits_on_a_line_and_cuts_no_word(titles: list[str]) -> None:
    name = name_by_example(titles, ())
    if name is not None:
        assert name == " ".join(name.split())
        assert len(name) <= MAX_DESCRIPTION


def films(categories: list[list[str]] | None) -> tuple[pl.DataFrame, Representation, ClusterTree]:
    """Two clusters of twenty films, two titles of the first with a word of their own in common."""
    titles = ["The Trainspotting People", "People vs. Trainspotting"]
    letters = "abcdefghijklmnopqrst"
    titles += [f"{a}{b}{a}onic" for a, b in pairwise(letters[:19])]
    titles += [f"{a}{b}{a}ural" for a, b in zip(letters, letters[1:] + "a", strict=True)]
    items = pl.DataFrame(
        {
            "item_id": [f"{n:02d}" for n in range(40)],
            "title": titles,
            "text": [""] * 40,
            "category_path": categories or [None] * 40,
        },
        schema_overrides={"category_path": pl.List(pl.String)},
    )
    represented = Representation(
        items["item_id"],
        np.eye(40, dtype=np.float32),
        np.zeros((40, 1), dtype=np.float32),
        np.arange(40, 0, -1),
    )
    labels = np.repeat([0, 1], 20)
    tree = ClusterTree((labels,), (np.empty(0, dtype=np.int64),), (np.eye(2, dtype=np.float32),))
    return items, represented, tree


def test_fragments_of_a_few_titles_name_nothing() -> None:
    items, represented, tree = films(None)
    names = describe_tree(items, tree, represented, CONFIG)[0]
    assert names[0].text == "like The Trainspotting People and People vs. Trainspotting"
    assert all(name.is_example for name in names)
    figures = measure_names(names, read_words(items), tree.labels[0], represented.traffic)
    assert figures == {
        "name_coverage": 0.0,
        "lowest_name_coverage": 0.0,
        "named_by_example_share": 1.0,
        "unnamed_share": 0.0,
        "n_named_by_example": 2,
        "n_unnamed": 0,
    }


def test_genres_give_the_same_films_a_name_in_words() -> None:
    items, represented, tree = films([["heist", "caper"]] * 20 + [["western", "frontier"]] * 20)
    names = describe_tree(items, tree, represented, CONFIG)[0]
    assert {"heist", "caper"} <= set(names[0].text.split())
    assert {"western", "frontier"} <= set(names[1].text.split())
    figures = measure_names(names, read_words(items), tree.labels[0], represented.traffic)
    assert (figures["name_coverage"], figures["named_by_example_share"]) == (1.0, 0.0)


def test_coverage_is_of_the_traffic_and_of_the_theme_alone() -> None:
    items = pl.DataFrame(
        {
            "item_id": list("abcd"),
            "title": ["rose", "garden", "tulip", "jazz"],
            "text": [""] * 4,
            "category_path": [None] * 4,
        },
        schema_overrides={"category_path": pl.List(pl.String)},
    )
    names = [ClusterName("roses garden", "garden"), ClusterName("unnamed interest two")]
    labels, traffic = np.array([0, 0, 0, 1]), np.array([6, 3, 1, 5])
    figures = measure_names(names, read_words(items), labels, traffic)
    assert figures["lowest_name_coverage"] == pytest.approx(0.6)
    assert figures["name_coverage"] == pytest.approx(0.3)
    assert (figures["unnamed_share"], figures["n_unnamed"]) == (0.5, 1)


BONSAI = Term("bonsai care", ("bonsai", "care"), held=1.0)
GARDEN = Term("garden yard", ("garden", "yard"), held=0.2)
POINT = Term("fine point", ("fine", "point"), held=0.9)
TITLE = Term("boogie nights", ("boogie", "night"), is_title=True)
NO_TITLES = np.zeros((3, 2), dtype=np.int64)


@pytest.mark.parametrize(
    ("phrase", "theme", "positions", "expected"),
    [
        ((BONSAI, GARDEN), (BONSAI, GARDEN), NO_TITLES, "bonsai care · garden yard"),
        ((GARDEN, BONSAI), (GARDEN, BONSAI), NO_TITLES, "garden yard bonsai care"),
        ((BONSAI, POINT), (BONSAI,), NO_TITLES, "bonsai care · fine point"),
        ((BONSAI, POINT), (BONSAI, POINT), NO_TITLES, "bonsai care fine point"),
        ((BONSAI, POINT), (BONSAI,), np.array([[1, 3], [1, 3], [0, 0]]), "bonsai care fine point"),
        (
            (BONSAI, POINT),
            (BONSAI,),
            np.array([[3, 1], [3, 1], [0, 0]]),
            "bonsai care · fine point",
        ),
        ((GARDEN, TITLE), (GARDEN,), NO_TITLES, "garden yard · boogie nights"),
        ((GARDEN, TITLE), (), NO_TITLES, "garden yard boogie nights"),
    ],
)
def test_what_only_tells_a_cluster_from_its_like_stands_apart(
    phrase: tuple[Term, ...], theme: tuple[Term, ...], positions: np.ndarray, expected: str
) -> None:
    name = split_phrase(phrase, theme, positions)
    assert name.shown == expected
    assert name.text == " ".join(term.surface for term in phrase)


def test_doctests() -> None:
    for module in (cluster_name, examples):
        assert doctest.testmod(module).failed == 0
