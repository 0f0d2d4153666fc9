"""Which words and phrases may name a cluster."""

from __future__ import annotations

import numpy as np
import polars as pl

from training.clusters.config import DescriptionConfig
from training.clusters.naming.terms import TITLE_EMPHASIS, TermIndex, index_terms
from training.clusters.representation.words import read_words

FILLER = [("jazz piano", ""), ("folk guitar", ""), ("choir singing", ""), ("drum solo", "")] * 5


def index(
    rows: list[tuple[str, str]], categories: list[list[str] | None] | None = None
) -> TermIndex:
    items = pl.DataFrame(
        {
            "item_id": [f"{n:02d}" for n in range(len(rows))],
            "title": [title for title, _ in rows],
            "text": [text for _, text in rows],
            "category_path": categories or [None] * len(rows),
        },
        schema_overrides={"category_path": pl.List(pl.String)},
    )
    collaborative = np.zeros((len(rows), 1), dtype=np.float32)
    return index_terms(read_words(items), collaborative, 0.15, DescriptionConfig())


def phrases_of(found: TermIndex) -> set[str]:
    return {
        surface for surface, stems in zip(found.surfaces, found.stems, strict=True) if stems[1:]
    }


def test_phrases_come_from_titles_categories_and_lists_but_not_from_running_text() -> None:
    rows = [
        ("Dry Erase Boards", "time travel, black comedy"),
        ("dry erase boards for kids", "all about time travel. great boards work with magnets"),
        ("Magnets", "time travel. boards work with magnets"),
        *FILLER,
    ]
    found = phrases_of(index(rows, [["Home and Making"]] * 2 + [None] * (len(rows) - 2)))
    assert {"dry erase", "erase boards", "dry erase boards", "time travel", "home making"} <= found
    assert not any("work" in phrase or "magnet" in phrase for phrase in found)


def test_a_phrase_keeps_the_small_words_it_is_built_with() -> None:
    rows = [("Stand up comedy night", ""), ("Better stand up comedy", ""), *FILLER]
    found = phrases_of(index(rows))
    assert "stand up comedy" in found
    assert not any(phrase.endswith("up") or phrase.startswith("up") for phrase in found)


def test_words_that_meet_by_chance_make_no_phrase() -> None:
    pairs = [(f"{a} {b}", "") for a in ("ink", "oak", "tin") for b in ("pen", "box", "mug")] * 2
    assert phrases_of(index(pairs)) == set()


def test_colours_and_sizes_name_nothing_by_themselves() -> None:
    found = index([("Black ink pens", ""), ("black ink", ""), ("large black boxes", ""), *FILLER])
    assert "black" not in found.surfaces
    assert "black ink" in found.surfaces
    assert not {"large", "boxes"} & set(found.surfaces)


def test_a_list_entry_is_worth_as_much_as_a_title_and_running_text_less() -> None:
    rows = [("x1", "superhero, a film about boxing gloves")] * 3 + FILLER
    found = index(rows)
    emphasis = dict(zip(found.surfaces, found.emphasis.max(axis=0).toarray()[0], strict=True))
    assert emphasis["superhero"] == emphasis["guitar"] == TITLE_EMPHASIS
    assert emphasis["boxing"] < 0.5 * TITLE_EMPHASIS


def test_positions_count_from_one_and_only_in_titles() -> None:
    found = index([("gel pens", "pens of gel"), ("pens", "gel"), *FILLER])
    gel, pens = found.surfaces.index("gel"), found.surfaces.index("pens")
    assert found.positions[0, gel] == 1
    assert found.positions[0, pens] == 2
    assert found.positions[1, gel] == 0
    assert found.incidence[1, gel] == 1


def labels_of(found: TermIndex) -> set[str]:
    return {found.surfaces[nth] for nth in np.flatnonzero(found.is_label)}


def test_labels_are_what_categories_say_where_texts_say_no_more() -> None:
    genres = [["Drama", "War"], ["Drama"], ["War"], ["Drama"]] + [None] * len(FILLER)
    titles = ["The long road", "A road home", "Iron road", "Home", *(t for t, _ in FILLER)]
    spoken = [", ".join(genre or []) for genre in genres]
    found = index(list(zip(titles, spoken, strict=True)), genres)
    assert labels_of(found) == {"drama", "war"}
    assert {"road", "home"} <= set(found.surfaces)
    told = [*spoken[:3], "Drama, a veteran returns", *spoken[4:]]
    assert labels_of(index(list(zip(titles, told, strict=True)), genres)) == set()


def test_a_word_that_titles_have_more_often_than_categories_is_no_label() -> None:
    genres = [["War"], ["War"], None, None, None] + [None] * len(FILLER)
    titles = ["Iron", "Steel", "War games", "Cold war", "War of roses", *(t for t, _ in FILLER)]
    found = index([(title, "") for title in titles], genres)
    assert "war" in found.surfaces
    assert "war" not in labels_of(found)
