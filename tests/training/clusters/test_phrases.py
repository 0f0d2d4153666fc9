"""A phrase says one thing, in few words, none of them twice, and like no other phrase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from training.clusters.config import DescriptionConfig
from training.clusters.phrase_choice import choose_phrase
from training.clusters.phrases import Candidates, Term, order_terms, stems_of

WORDS = DescriptionConfig()


def word(text: str, share: float = 0.5, value: float = 1.0, worth: float = 1.0) -> Term:
    return Term(text, tuple(text.split()), n_items=10, share=share, worth=worth, value=value)


def independent(terms: Sequence[Term]) -> Candidates:
    """Terms that tell each its own part: what one adds does not depend on the others."""
    values = np.array([term.value for term in terms])
    return Candidates(terms, np.tile(values, (len(terms), 1)), np.zeros((len(terms),) * 2))


def surfaces(candidates: Candidates, taken: Sequence[frozenset[str]] = ()) -> list[str] | None:
    phrase = choose_phrase(candidates, taken, WORDS)
    return None if phrase is None else [term.surface for term in phrase]


def test_it_ends_where_nothing_is_added() -> None:
    values = (1.0, 0.4, 0.3, 0.05, 0.04)
    names = ("ink", "pen", "nib", "case", "cap")
    terms = [word(name, value=value) for name, value in zip(names, values, strict=True)]
    assert surfaces(independent(terms)) == ["ink", "pen", "nib"]


def test_a_word_that_says_the_same_again_gives_way_to_one_that_adds() -> None:
    terms = [word("jazz", value=1.0), word("swing", value=0.9), word("piano", value=0.5)]
    gains = np.array([[0, 0.0, 0.4], [0, 0, 0.4], [0.4, 0.4, 0]])
    assert surfaces(Candidates(terms, gains, np.zeros((3, 3)))) == ["jazz", "piano"]


def test_of_two_themes_it_keeps_to_one() -> None:
    terms = [word("stamp", value=1.0), word("phone", value=0.8), word("ink", value=0.6)]
    affinity = np.array([[1, -0.9, 0.3], [-0.9, 1, -0.9], [0.3, -0.9, 1]])
    gains = independent(terms).gains
    assert surfaces(Candidates(terms, gains, affinity)) == ["stamp", "ink"]


def test_a_longer_phrase_stands_for_a_word_that_mostly_stands_in_it() -> None:
    terms = [
        word("erase", share=0.9, value=1.0),
        word("dry erase", share=0.8, value=0.9),
        word("dry erase boards", share=0.45, value=0.5),
    ]
    assert surfaces(independent(terms)) == ["dry erase boards"]
    rare = [terms[0], word("dry erase", share=0.2), word("ink", value=0.8)]
    assert surfaces(independent(rare)) == ["erase", "ink"]


def test_a_taken_phrase_is_varied_and_parts_of_others_avoided() -> None:
    terms = [word(name) for name in ("ink", "pen", "nib", "case", "cap", "clip")]
    first = choose_phrase(independent(terms), [], WORDS)
    assert first is not None
    assert [term.surface for term in first] == ["ink", "pen", "nib", "case"]
    second = choose_phrase(independent(terms), [stems_of(first)], WORDS)
    assert second is not None
    assert not stems_of(first) <= stems_of(second)
    assert choose_phrase(independent(terms[:1]), [], WORDS) is None


def test_to_be_unlike_others_it_gives_up_the_word_that_most_of_them_have() -> None:
    terms = [word("mountain"), word("hiking", value=0.9), word("scree", share=0.2, value=0.01)]
    values = np.array([1.0, 0.9, 0.01])
    told = Candidates(terms, np.tile(values, (3, 1)), np.zeros((3, 3)))
    taken = [frozenset({"mountain", "hiking"}), frozenset({"mountain", "climbing"})]
    assert surfaces(told) == ["mountain", "hiking"]
    assert surfaces(told, taken) == ["hiking", "scree"]


def test_idle_and_rare_words_wait_until_nothing_else_is_left() -> None:
    terms = [
        word("man", worth=0.1, value=3.0),
        word("oddity", share=0.001, value=2.0),
        word("jazz", value=1.0),
        word("piano", value=0.9),
    ]
    assert surfaces(independent(terms)) == ["jazz", "piano"]
    assert surfaces(independent(terms[:2])) == ["man", "oddity"]


def test_a_striking_word_tells_even_where_the_crowd_makes_little_of_it() -> None:
    terms = [word("tape", worth=0.35, value=2.0), word("scotch"), word("office", worth=0.2)]
    assert surfaces(independent(terms)) == ["tape", "scotch"]
    faint = [word("tape", worth=0.35, value=0.1), word("scotch"), word("dispenser")]
    assert surfaces(independent(faint)) == ["scotch", "dispenser"]


def test_no_name_holds_a_piece_of_a_phrase_that_it_has_no_room_for() -> None:
    rings = Term("lord of the rings", ("lord", "ring"), 10, share=0.5, value=0.6)
    terms = [word("heroic fantasy", value=2.0), word("epic"), word("lord", value=0.7), rings]
    assert surfaces(independent(terms[2:])) == ["lord of the rings"]
    assert surfaces(independent(terms)) == ["heroic fantasy", "epic"]
    often_alone = [*terms[:3], replace(rings, share=0.1)]
    assert surfaces(independent(often_alone)) == ["heroic fantasy", "epic", "lord"]


def test_a_title_comes_before_idle_words_and_after_telling_ones() -> None:
    terms = [word("drama"), word("man", worth=0.1), Term("cast away", ("cast",), is_title=True)]
    assert surfaces(independent(terms)) == ["drama", "cast away"]
    both = [word("drama"), word("comedy"), Term("cast away", ("cast",), is_title=True)]
    alike = [frozenset({"drama", "comedy"})]
    gains = np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, 0]])
    told = Candidates(both, gains, np.zeros((3, 3)))
    assert surfaces(told, alike) == ["drama", "comedy", "cast away"]


def test_a_decade_must_speak_for_a_good_part_of_the_cluster() -> None:
    terms = [word("horror"), word("1980s", share=0.3), word("thriller", value=0.5)]
    assert surfaces(independent(terms)) == ["horror", "thriller"]
    terms[1] = word("1980s", share=0.5)
    assert surfaces(independent(terms)) == ["horror", "1980s", "thriller"]


def test_terms_stand_in_the_order_of_titles_and_a_decade_last() -> None:
    ballpoint, brand, decade = word("ballpoint pens"), word("bic"), word("1990s")
    places = np.array([[2, 1, 0], [3, 1, 0], [0, 2, 0]])
    assert order_terms((ballpoint, brand, decade), places) == (brand, ballpoint, decade)
    unseen = np.zeros((3, 3), dtype=np.int64)
    assert order_terms((ballpoint, decade, brand), unseen) == (ballpoint, brand, decade)
    assert order_terms((decade, ballpoint, brand), unseen) == (decade, ballpoint, brand)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=8), max_size=30))
def test_phrases_never_collide(clusters: list[list[str]]) -> None:
    taken: list[frozenset[str]] = []
    for letters in clusters:
        phrase = choose_phrase(independent([word(a) for a in letters]), taken, WORDS)
        if phrase is None:
            continue
        assert stems_of(phrase) not in taken
        assert 2 <= sum(term.n_words for term in phrase) <= 6
        taken.append(stems_of(phrase))
