from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worlds.clusters import CUT, TopicWorld, build_topic_world
from training.clusters.config import ClusterConfig, DescriptionConfig, RepresentationConfig
from training.clusters.describe import describe_tree
from training.clusters.phrases import Term, are_alike, choose_phrase, prefer_longer, stems_of
from training.clusters.represent import represent_items
from training.clusters.tree import build_tree

CONFIG = ClusterConfig(
    levels=(3, 9),
    representation=RepresentationConfig(text_dimensions=12, collaborative_dimensions=8),
)
WORDS = DescriptionConfig()


def describe(world: TopicWorld) -> tuple[tuple[tuple[str, ...], ...], np.ndarray]:
    rng = np.random.default_rng(0)
    represented = represent_items(
        world.items, world.interactions.lazy(), CUT, CONFIG.representation, rng
    )
    tree = build_tree(represented, CONFIG, rng)
    return describe_tree(world.items, tree, represented, CONFIG), tree.labels[-1]


def without_text(world: TopicWorld, titles: bool) -> TopicWorld:
    items = world.items.with_columns(
        title=pl.col("title") if titles else pl.lit(""),
        text=pl.lit(""),
        category_path=pl.lit(None, dtype=pl.List(pl.String)),
    )
    return TopicWorld(items, world.interactions, world.topic_of_item, world.names)


def test_each_cluster_is_named_after_its_topic() -> None:
    world = build_topic_world()
    (top, leaves), labels = describe(world)
    for cluster, phrase in enumerate(leaves):
        topic = np.bincount(world.topic_of_item[labels == cluster]).argmax()
        assert world.names[topic] in phrase
    assert {word for phrase in top for word in phrase.split()} >= {"garden", "music", "kitchen"}


@pytest.mark.parametrize("world", [build_topic_world(), without_text(build_topic_world(), True)])
def test_phrases_are_unique_short_readable_and_repeat_nothing(world: TopicWorld) -> None:
    for level in describe(world)[0]:
        assert len(set(level)) == len(level)
        for phrase in level:
            words = phrase.split()
            assert 2 <= len(words) <= 6
            assert all(re.fullmatch(r"[a-z'-]+|\d{3}0s", word) for word in words)
            assert not {"the", "and", "for", "every", "model"} & set(words)
            pairs = [(a, b) for a in words for b in words if a < b]
            assert not any(are_alike(a, b) for a, b in pairs)


def test_without_any_text_names_stay_unique() -> None:
    for level in describe(without_text(build_topic_world(), False))[0]:
        assert len(set(level)) == len(level)
        assert all(2 <= len(phrase.split()) <= 6 for phrase in level)


def test_a_pair_stands_for_its_words_and_two_pairs_make_a_triple() -> None:
    terms = [
        Term("erase", ("erase",), 0.9),
        Term("board", ("board",), 0.5),
        Term("dry erase", ("dry", "erase"), 0.8),
        Term("erase boards", ("erase", "board"), 0.45),
        Term("boards", ("ink",), 0.1),
    ]
    assert prefer_longer(terms)[0] == Term("dry erase boards", ("dry", "erase", "board"), 0.45)
    rare = [terms[0], Term("dry erase", ("dry", "erase"), 0.1)]
    assert prefer_longer(rare)[0].surface == "erase"


def test_a_taken_phrase_is_varied_and_parts_of_others_avoided() -> None:
    terms = [Term(word, (word,), 0.5) for word in ("ink", "pen", "nib", "case", "cap", "clip")]
    first = choose_phrase(terms, [], WORDS)
    assert first is not None
    assert [term.surface for term in first] == ["ink", "pen", "nib", "case"]
    second = choose_phrase(terms, [stems_of(first)], WORDS)
    assert second is not None
    assert not stems_of(first) <= stems_of(second)
    assert choose_phrase(terms[:1], [], WORDS) is None


def test_idle_and_rare_words_wait_until_nothing_else_is_left() -> None:
    terms = [
        Term("man", ("man",), 0.5, worth=0.1),
        Term("oddity", ("oddity",), 0.001),
        Term("jazz", ("jazz",), 0.4),
        Term("piano", ("piano",), 0.3),
    ]
    chosen = choose_phrase(terms, [], WORDS)
    assert chosen is not None
    assert [term.surface for term in chosen] == ["jazz", "piano"]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=8), max_size=30))
def test_phrases_never_collide(clusters: list[list[str]]) -> None:
    taken: list[frozenset[str]] = []
    for letters in clusters:
        phrase = choose_phrase([Term(a, (a,), 0.5) for a in letters], taken, WORDS)
        if phrase is None:
            continue
        assert stems_of(phrase) not in taken
        assert 2 <= len(stems_of(phrase)) <= 6
        taken.append(stems_of(phrase))
