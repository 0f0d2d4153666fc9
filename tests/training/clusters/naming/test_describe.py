from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest

from expectations.contracts.values import MAX_DESCRIPTION
from tests.worlds.clusters import CUT, TopicWorld, build_topic_world
from training.clusters.config import ClusterConfig, RepresentationConfig
from training.clusters.naming.describe import describe_tree
from training.clusters.naming.phrases import are_alike
from training.clusters.representation.represent import Representation, fit_items
from training.clusters.tree.tree import ClusterTree, build_tree

CONFIG = ClusterConfig(
    levels=(3, 9),
    representation=RepresentationConfig(text_dimensions=12, collaborative_dimensions=8),
)


def describe_texts(
    items: pl.DataFrame, tree: ClusterTree, represented: Representation, config: ClusterConfig
) -> tuple[tuple[str, ...], ...]:
    levels = describe_tree(items, tree, represented, config)
    return tuple(tuple(name.text for name in level) for level in levels)


def describe(world: TopicWorld) -> tuple[tuple[tuple[str, ...], ...], np.ndarray]:
    rng = np.random.default_rng(0)
    represented = fit_items(
        world.items, world.interactions.lazy(), CUT, CONFIG.representation, rng
    )[1]
    tree = build_tree(represented, CONFIG, rng)
    return describe_texts(world.items, tree, represented, CONFIG), tree.labels[-1]


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


TOPICS = {
    "rose garden": ("outdoors", ("pruning", "grafting", "trellis")),
    "bee keeping": ("outdoors", ("smoker", "honey", "frames")),
    "jazz piano": ("music", ("bebop", "stride", "voicing")),
    "choral singing": ("music", ("descant", "madrigal", "breathing")),
}


def test_every_leaf_of_a_topic_keeps_its_name_where_several_share_it() -> None:
    """Three kinds of each topic, two topics to a category: titles hold the topic and the kind."""
    titles, categories, labels, families = [], [], [], []
    for family, (topic, (category, kinds)) in enumerate(TOPICS.items()):
        for kind in kinds:
            labels += [len(set(labels))] * 8
            titles += [f"{topic} {kind}"] * 4 + [kind, topic, topic, topic]
            categories += [[category]] * 8
            families += [family] * 8
    n_items = len(titles)
    items = pl.DataFrame(
        {
            "item_id": [f"{nth:02d}" for nth in range(n_items)],
            "title": titles,
            "text": [""] * n_items,
            "category_path": categories,
        }
    )
    represented = Representation(
        items["item_id"],
        np.eye(n_items, dtype=np.float32),
        np.zeros((n_items, 1), dtype=np.float32),
        np.ones(n_items, dtype=np.int64),
    )
    levels = (np.array(families), np.array(labels))
    parents = (np.empty(0, dtype=np.int64), np.repeat(np.arange(len(TOPICS)), 3))
    centres = tuple(np.eye(level.max() + 1, dtype=np.float32) for level in levels)
    names = describe_texts(items, ClusterTree(levels, parents, centres), represented, CONFIG)[1]
    expected = [(topic, kind) for topic, (_, kinds) in TOPICS.items() for kind in kinds]
    for name, (topic, kind) in zip(names, expected, strict=True):
        assert {*topic.split(), kind} <= set(name.split()), name


@pytest.mark.parametrize("world", [build_topic_world(), without_text(build_topic_world(), True)])
def test_phrases_are_unique_short_readable_and_repeat_nothing(world: TopicWorld) -> None:
    for level in describe(world)[0]:
        assert len(set(level)) == len(level)
        for phrase in level:
            if phrase.startswith("like "):  # a broad cluster whose items share no word
                assert len(phrase) <= MAX_DESCRIPTION
                continue
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


def test_an_item_that_many_meet_weighs_more_in_a_name_than_a_rare_one() -> None:
    """Half of a cluster's items are about one thing, but nobody ever meets them."""
    names = ["rose pruning", "rose pruning", "rose pruning", "koi pond", "koi pond", "koi pond"]
    other = ["jazz piano", "jazz piano", "folk guitar", "folk guitar", "drum solo", "drum solo"]
    items = pl.DataFrame(
        {
            "item_id": [f"{n:02d}" for n in range(12)],
            "title": names + other,
            "text": [""] * 12,
            "category_path": [None] * 12,
        },
        schema_overrides={"category_path": pl.List(pl.String)},
    )
    traffic = np.array([0, 0, 0, 400, 400, 400] + [50] * 6)
    represented = Representation(
        items["item_id"],
        np.eye(12, dtype=np.float32),
        np.zeros((12, 1), dtype=np.float32),
        traffic,
    )
    labels = np.repeat([0, 1], 6)
    tree = ClusterTree((labels,), (np.empty(0, dtype=np.int64),), (np.eye(2, dtype=np.float32),))
    assert describe_texts(items, tree, represented, CONFIG)[0][0] == "koi pond"


def test_a_word_is_worth_most_to_the_cluster_that_has_it_in_its_titles() -> None:
    """Some pens come with a text about tape: that takes nothing from tape among the tapes."""
    tapes = ["tape dispenser", "dispenser tape", "tape", "tape"]
    texts = [""] * 4 + ["it writes on tape too"] * 3 + [""] * 13
    items = pl.DataFrame(
        {
            "item_id": [f"{n:02d}" for n in range(20)],
            "title": tapes + ["gel pen"] * 16,
            "text": texts,
            "category_path": [None] * 20,
        },
        schema_overrides={"category_path": pl.List(pl.String)},
    )
    represented = Representation(
        items["item_id"],
        np.eye(20, dtype=np.float32),
        np.zeros((20, 1), dtype=np.float32),
        np.ones(20, dtype=np.int64),
    )
    labels = np.repeat([0, 1], [4, 16])
    tree = ClusterTree((labels,), (np.empty(0, dtype=np.int64),), (np.eye(2, dtype=np.float32),))
    assert describe_texts(items, tree, represented, CONFIG)[0][0] == "tape dispenser"


def test_like_clusters_are_told_apart_by_their_best_known_titles() -> None:
    """Clusters of films with the same genres: nothing but a film sets them apart."""
    titles = ["Jaws (1975)", "Blue Hour (1975)", "12 Ways (1975)", "Red Dust: Part II (1975)"]
    items = pl.DataFrame(
        {
            "item_id": [f"{n:02d}" for n in range(12)],
            "title": titles * 3,
            "text": [""] * 12,
            "category_path": [["Thriller", "Drama"]] * 12,
        }
    )
    represented = Representation(
        items["item_id"],
        np.eye(12, dtype=np.float32),
        np.zeros((12, 1), dtype=np.float32),
        np.array([9, 1, 8, 2, 1, 9, 1, 1, 1, 1, 1, 9]),
    )
    labels = np.repeat([0, 1, 2], 4)
    centres = np.eye(3, dtype=np.float32)
    tree = ClusterTree((labels,), (np.empty(0, dtype=np.int64),), (centres,))
    names = describe_texts(items, tree, represented, CONFIG)[0]
    assert len(set(names)) == 3
    assert names[0] == "like Jaws and 12 Ways"
    assert all(name.startswith("like ") for name in names)


def test_names_do_not_depend_on_anything_but_their_input() -> None:
    world = build_topic_world()
    assert describe(world)[0] == describe(world)[0]
