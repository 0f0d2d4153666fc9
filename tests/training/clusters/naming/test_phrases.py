"""A phrase says one thing, in few words, none of them twice, and like no other phrase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from training.clusters.config import DescriptionConfig
from training.clusters.naming.phrase_choice import (
    COMMON_SHARE,
    LABEL_SHARE,
    Others,
    choose_phrase,
    leave_minorities,
    want_phrase,
)
from training.clusters.naming.phrases import CandidateTerms, Phrase, Term, order_terms, stems_of

WORDS = DescriptionConfig()


def word(text: str, share: float = 0.5, value: float = 1.0, worth: float = 1.0) -> Term:
    return Term(text, tuple(text.split()), n_items=10, share=share, worth=worth, value=value)


def tell(
    terms: Sequence[Term], gains: np.ndarray, affinity: np.ndarray | None = None
) -> CandidateTerms:
    nothing = np.zeros((len(terms),) * 2)
    return CandidateTerms(
        terms, gains, nothing if affinity is None else affinity, nothing.astype(bool)
    )


def independent(terms: Sequence[Term]) -> CandidateTerms:
    """Terms that tell each its own part: what one adds does not depend on the others."""
    values = np.array([term.value for term in terms])
    return tell(terms, np.tile(values, (len(terms), 1)))


def among(
    candidates: CandidateTerms,
    taken: Sequence[frozenset[str]] = (),
    wanted: Sequence[frozenset[str]] = (),
    told: Mapping[str, float] | None = None,
) -> Others:
    """Others of which ``told`` says how far each term tells the cluster from them."""
    apart = np.array([(told or {}).get(term.surface, 0.0) for term in candidates.terms])

    def tell_apart(theme: Phrase) -> np.ndarray:
        return apart * any(stems_of(theme) <= stems for stems in (*taken, *wanted))

    return Others(taken, wanted, tell_apart, lambda phrase: False)


def surfaces(
    candidates: CandidateTerms,
    taken: Sequence[frozenset[str]] = (),
    wanted: Sequence[frozenset[str]] = (),
    told: Mapping[str, float] | None = None,
) -> list[str] | None:
    phrase = choose_phrase(candidates, among(candidates, taken, wanted, told), WORDS)
    return None if phrase is None else [term.surface for term in phrase]


def test_it_ends_where_nothing_is_added() -> None:
    values = (1.0, 0.4, 0.3, 0.05, 0.04)
    names = ("ink", "pen", "nib", "case", "cap")
    terms = [word(name, value=value) for name, value in zip(names, values, strict=True)]
    assert surfaces(independent(terms)) == ["ink", "pen", "nib"]


def test_a_word_that_says_the_same_again_gives_way_to_one_that_adds() -> None:
    terms = [word("jazz", value=1.0), word("swing", value=0.9), word("piano", value=0.5)]
    gains = np.array([[0, 0.0, 0.4], [0, 0, 0.4], [0.4, 0.4, 0]])
    assert surfaces(tell(terms, gains)) == ["jazz", "piano"]


def test_of_two_themes_it_keeps_to_one() -> None:
    terms = [word("stamp", value=1.0), word("phone", value=0.8), word("ink", value=0.6)]
    affinity = np.array([[1, -0.9, 0.3], [-0.9, 1, -0.9], [0.3, -0.9, 1]])
    gains = independent(terms).gains
    assert surfaces(tell(terms, gains, affinity)) == ["stamp", "ink"]


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
    first = ["ink", "pen", "nib", "case"]
    assert surfaces(independent(terms)) == first
    second = surfaces(independent(terms), [frozenset(first)])
    assert second is not None
    assert not set(first) <= set(second)
    assert surfaces(independent(terms[:1])) is None


def test_to_be_unlike_others_it_gives_up_the_word_that_most_of_them_have() -> None:
    terms = [word("mountain"), word("hiking", value=0.9), word("scree", share=0.2, value=0.01)]
    values = np.array([1.0, 0.9, 0.01])
    told = tell(terms, np.tile(values, (3, 1)))
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
    told = tell(both, gains)
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


LAMPS = (word("lamp"), word("desk", value=0.9), word("led", value=0.02), word("clamp", value=0.01))


def test_leaves_of_one_theme_keep_its_words_and_add_what_differs() -> None:
    lamps = independent(LAMPS)
    theme = frozenset({"lamp", "desk"})
    assert [term.surface for term in want_phrase(lamps, WORDS)] == ["lamp", "desk"]
    assert surfaces(lamps) == ["lamp", "desk"]
    assert surfaces(lamps, [theme | {"led"}], told={"clamp": 0.5}) == ["lamp", "desk", "clamp"]
    both = {"led": 0.1, "clamp": 0.5}
    assert surfaces(lamps, [theme | {"led"}], told=both) == ["lamp", "desk", "clamp"]


def test_the_first_leaf_of_a_theme_differs_too_where_others_want_it() -> None:
    lamps = independent(LAMPS)
    theme = frozenset({"lamp", "desk"})
    assert surfaces(lamps, wanted=[theme], told={"led": 0.5}) == ["lamp", "desk", "led"]
    assert surfaces(lamps, wanted=[theme | {"clamp"}], told={"led": 0.5}) == ["lamp", "desk", "led"]
    elsewhere = [frozenset({"lamp", "oil"})]
    assert surfaces(lamps, wanted=elsewhere, told={"led": 0.5}) == ["lamp", "desk"]


def test_a_theme_counts_for_more_than_not_being_part_of_another_name() -> None:
    lamps = independent(LAMPS)
    taken = [frozenset({"lamp", "desk"})]
    assert surfaces(lamps, taken, told={"clamp": 0.5}) == ["lamp", "desk", "clamp"]
    assert surfaces(lamps, wanted=[frozenset({"lamp", "desk", "led"})]) == ["lamp", "desk"]


def test_a_difference_that_occurs_beside_the_theme_comes_first() -> None:
    affinity = np.zeros((4, 4))
    affinity[:2, 2], affinity[:2, 3] = 0.2, -0.2
    lamps = tell(LAMPS, independent(LAMPS).gains, affinity)
    wanted, told = [frozenset({"lamp", "desk"})], {"led": 0.3, "clamp": 0.5}
    assert surfaces(lamps, wanted=wanted, told=told) == ["lamp", "desk", "led"]
    assert surfaces(independent(LAMPS), wanted=wanted, told=told) == ["lamp", "desk", "clamp"]


def test_a_narrower_term_that_covers_as_much_stands_for_the_broad_one() -> None:
    terms = [word("garden"), word("roses", value=0.4), word("pruning", value=0.3)]
    told = independent(terms)
    told.gains[1, 0] = 0  # where there are roses there is a garden
    assert surfaces(told) == ["garden", "roses", "pruning"]
    told.narrower[0, 1] = True
    assert surfaces(told) == ["roses", "pruning"]


def test_a_rare_word_of_several_items_tells_apart_before_the_title_of_one() -> None:
    title = Term("cast away", ("cast",), is_title=True)
    both = [word("drama"), word("comedy"), word("island", share=0.05, value=0.01), title]
    gains = np.zeros((4, 4))
    gains[0, 1] = gains[1, 0] = 1
    taken, told = [frozenset({"drama", "comedy"})], {"island": 0.1}
    assert surfaces(tell(both, gains), taken, told=told) == ["drama", "comedy", "island"]
    both[2] = replace(both[2], n_items=2)
    assert surfaces(tell(both, gains), taken, told=told) == ["drama", "comedy", "cast away"]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=8), max_size=30),
    st.dictionaries(st.sampled_from("abcdefghij"), st.floats(0, 1)),
)
def test_phrases_never_collide(clusters: list[list[str]], told: dict[str, float]) -> None:
    listed = [independent([word(a) for a in letters]) for letters in clusters]
    wanted = [stems_of(want_phrase(candidates, WORDS)) for candidates in listed]
    taken: list[frozenset[str]] = []
    for nth, candidates in enumerate(listed):
        others = among(candidates, taken, wanted[nth + 1 :], told)
        phrase = choose_phrase(candidates, others, WORDS)
        if phrase is None:
            continue
        assert stems_of(phrase) not in taken
        assert 2 <= sum(term.n_words for term in phrase) <= 6
        taken.append(stems_of(phrase))


def label(text: str, share: float, value: float = 1.0) -> Term:
    return replace(word(text, share, value), is_label=True)


def left(*terms: Term) -> list[str]:
    kept = leave_minorities(independent(terms), WORDS)
    assert kept.gains.shape == kept.affinity.shape == kept.narrower.shape == (len(kept.terms),) * 2
    return [term.surface for term in kept.terms]


def test_a_label_of_few_items_names_no_cluster() -> None:
    few, some = label("musical", LABEL_SHARE - 0.01, 0.9), label("drama", 0.5)
    assert left(some, few, word("fountain", 0.16)) == ["drama", "fountain"]
    assert left(some, label("war", LABEL_SHARE, 0.9)) == ["drama", "war"]


def test_a_mixed_cluster_is_called_by_what_many_of_its_items_are() -> None:
    minorities = [label(text, 0.26, 3.0) for text in ("horror", "fantasy", "children", "crime")]
    common = [label("comedy", COMMON_SHARE, 0.5), label("action", 0.45, 0.4)]
    assert left(*minorities, *common) == ["comedy", "action"]
    assert left(*minorities, label("mystery", 0.3, 0.5)) == []  # so it is named by example
    clear = [label("horror", 0.6, 3.0), label("thriller", 0.3, 2.0)]
    assert left(*clear, *common) == ["horror", "thriller", "comedy", "action"]


def test_decades_and_words_of_titles_are_no_minorities() -> None:
    decade, title = label("1990s", 0.1), word("trek", 0.1)
    assert left(decade, title, label("sci-fi", 0.9)) == ["1990s", "trek", "sci-fi"]
