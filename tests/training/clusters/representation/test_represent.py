from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from expectations.contracts.errors import UserError
from tests.worlds.clusters import CUT, build_topic_world
from training.clusters.config import RepresentationConfig
from training.clusters.representation.collaborative import fit_collaborative
from training.clusters.representation.represent import Representation, fit_items
from training.clusters.representation.term_coherence import weigh_terms
from training.clusters.representation.text_vectors import choose_stems, count_words

WORLD = build_topic_world()
CONFIG = RepresentationConfig(text_dimensions=12, collaborative_dimensions=8)


def represent(items: pl.DataFrame, interactions: pl.DataFrame) -> Representation:
    return fit_items(items, interactions.lazy(), CUT, CONFIG, np.random.default_rng(0))[1]


def test_items_of_a_topic_lie_together() -> None:
    vectors = represent(WORLD.items, WORLD.interactions).vectors
    cosine = vectors @ vectors.T
    same = WORLD.topic_of_item[:, None] == WORLD.topic_of_item[None, :]
    assert cosine[same].mean() > cosine[~same].mean() + 0.5


def test_interactions_alone_tell_topics_apart() -> None:
    ids = WORLD.items["item_id"]
    rng = np.random.default_rng(0)
    _, vectors = fit_collaborative(ids, WORLD.interactions.lazy(), CUT, CONFIG, rng)
    cosine = vectors @ vectors.T
    same = WORLD.topic_of_item[:, None] == WORLD.topic_of_item[None, :]
    assert cosine[same].mean() > cosine[~same].mean() + 0.3


def test_nothing_from_the_cut_on_is_looked_at() -> None:
    early = WORLD.interactions.filter(pl.col("timestamp") < CUT)
    late = WORLD.interactions.with_columns(
        item_id=pl.when(pl.col("timestamp") < CUT).then("item_id").otherwise(pl.lit("i0000"))
    )
    expected = represent(WORLD.items, early)
    found = represent(WORLD.items, late)
    assert np.array_equal(found.vectors, expected.vectors)
    assert np.array_equal(found.traffic, expected.traffic)


def test_what_was_tried_and_disliked_tells_of_interests_too() -> None:
    disliked = WORLD.interactions.with_columns(is_positive=pl.lit(False))
    found = represent(WORLD.items, disliked)
    assert np.array_equal(found.vectors, represent(WORLD.items, WORLD.interactions).vectors)


def test_every_item_gets_a_place() -> None:
    blank = pl.col("item_id").is_in(["i0000", "i0001"])
    items = WORLD.items.with_columns(
        title=pl.when(blank).then(pl.lit("")).otherwise("title"),
        text=pl.when(blank).then(pl.lit("")).otherwise("text"),
        category_path=pl.when(blank).then(None).otherwise("category_path"),
    )
    known = WORLD.interactions.filter(~pl.col("item_id").is_in(["i0001", "i0002"]))
    found = represent(items, known)
    assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-5)
    assert found.vectors.dtype == np.float32
    frame = found.to_frame()
    assert frame["item_id"].to_list() == sorted(WORLD.items["item_id"])


@pytest.mark.parametrize("with_interactions", [True, False])
def test_a_catalogue_without_any_text_is_still_placed(with_interactions: bool) -> None:
    items = WORLD.items.with_columns(
        title=pl.lit(""), text=pl.lit(""), category_path=pl.lit(None, dtype=pl.List(pl.String))
    )
    interactions = WORLD.interactions if with_interactions else WORLD.interactions.head(0)
    found = represent(items, interactions)
    assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-5)


def test_two_runs_agree_to_the_last_bit() -> None:
    first = represent(WORLD.items, WORLD.interactions)
    shuffled = WORLD.interactions.sample(fraction=1, shuffle=True, seed=1)
    second = represent(WORLD.items.reverse(), shuffled)
    assert first.vectors.tobytes() == second.vectors.tobytes()


def test_the_crowd_weighs_words_of_interest_above_words_of_advertising() -> None:
    rng = np.random.default_rng(0)
    topic, noise = np.repeat(np.eye(4), 25, axis=0), rng.normal(scale=0.3, size=(100, 4))
    collaborative = topic + noise
    collaborative /= np.linalg.norm(collaborative, axis=1, keepdims=True)
    words = np.column_stack([topic[:, 0], np.arange(100) % 4 == 0])
    telling, idle = weigh_terms(words, collaborative, floor=0.1)
    assert telling > 0.8
    assert idle < 0.25
    assert weigh_terms(words, np.zeros((100, 4)), floor=0.1).tolist() == [1, 1]


def test_stems_of_one_item_alone_are_left_out() -> None:
    items = pl.DataFrame(
        {
            "item_id": ["a", "b", "c"],
            "title": ["red pens", "red pen", "unicorn"],
            "text": ["", "", ""],
            "category_path": [None, None, None],
        },
        schema_overrides={"category_path": pl.List(pl.String)},
    )
    stems = choose_stems(items, CONFIG)
    assert count_words(items, stems, CONFIG).toarray().tolist() == [[2, 2], [2, 2], [0, 0]]


def test_an_encoder_that_cannot_be_loaded_ends_in_one_line() -> None:
    config = RepresentationConfig(text_encoder="no/such/folder")
    with pytest.raises(UserError, match=r"clusters\.representation\.text_encoder"):
        fit_items(WORLD.items, WORLD.interactions.lazy(), CUT, config, np.random.default_rng(0))[1]
