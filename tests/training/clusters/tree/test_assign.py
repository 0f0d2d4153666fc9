from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.contracts.checks import check_table
from expectations.contracts.errors import UserError
from expectations.contracts.tables import ITEM_CLUSTERS
from tests.worlds.clusters import CUT, build_topic_world
from training.clusters.config import ClusterConfig, RepresentationConfig
from training.clusters.representation.represent import Representation, fit_items
from training.clusters.tree.assign import NO_INTERACTIONS, TreeCentroids, assign_items
from training.clusters.tree.centroids_io import ARRAYS_FILE, load_centroids, save_centroids
from training.clusters.tree.tree import ClusterTree, build_tree

WORLD = build_topic_world()
CONFIG = ClusterConfig(
    levels=(3, 9),
    representation=RepresentationConfig(text_dimensions=12, collaborative_dimensions=8),
)


def build(items: pl.DataFrame = WORLD.items) -> tuple[TreeCentroids, Representation, ClusterTree]:
    rng = np.random.default_rng(0)
    log = WORLD.interactions.lazy()
    encoder, represented = fit_items(items, log, CUT, CONFIG.representation, rng)
    tree = build_tree(represented, CONFIG, rng)
    return TreeCentroids.of(tree, encoder), represented, tree


CENTROIDS, REPRESENTED, TREE = build()


def leaves(assigned: pl.DataFrame) -> np.ndarray:
    return assigned.filter(pl.col("level") == 1)["cluster_id"].to_numpy()


def blank(items: pl.DataFrame) -> pl.DataFrame:
    return items.with_columns(
        title=pl.lit(""), text=pl.lit(""), category_path=pl.lit(None, dtype=pl.List(pl.String))
    )


def test_items_of_the_tree_are_represented_as_they_were() -> None:
    again = CENTROIDS.encoder.represent(WORLD.items, WORLD.interactions.lazy(), CUT)
    assert np.allclose(again.vectors, REPRESENTED.vectors, atol=1e-6)
    assert np.array_equal(again.traffic, REPRESENTED.traffic)


@settings(max_examples=15, deadline=None)
@given(rows=st.sets(st.integers(0, len(WORLD.items) - 1), min_size=1))
def test_items_of_the_tree_come_back_to_the_nearest_centre_whoever_comes_with_them(
    rows: set[int],
) -> None:
    chosen = sorted(rows)
    found = assign_items(CENTROIDS, WORLD.items[chosen], WORLD.interactions.lazy(), CUT)
    table = found.select(ITEM_CLUSTERS.schema.names).to_arrow().cast(ITEM_CLUSTERS.schema)
    check_table(table, ITEM_CLUSTERS)
    nearest = (REPRESENTED.vectors[chosen] @ TREE.centres[1].T).argmax(axis=1)
    assert np.array_equal(leaves(found), nearest)
    top = found.filter(pl.col("level") == 0)["cluster_id"].to_numpy()
    assert np.array_equal(top, TREE.parents[1][nearest])


def test_most_items_of_the_tree_stand_in_their_own_cluster() -> None:
    found = leaves(assign_items(CENTROIDS, WORLD.items, WORLD.interactions.lazy(), CUT))
    assert np.mean(found == TREE.labels[1]) > 0.95  # balance has moved the rest


@pytest.mark.parametrize("has_text", [True, False])
@pytest.mark.parametrize("has_interactions", [True, False])
def test_items_the_tree_was_not_built_on_find_their_topic(
    has_text: bool, has_interactions: bool
) -> None:
    is_new = pl.int_range(pl.len()) % 4 == 3
    centroids, _, tree = build(WORLD.items.filter(~is_new))
    before = [labels.copy() for labels in tree.labels]
    new = WORLD.items.filter(is_new)
    log = WORLD.interactions.lazy() if has_interactions else NO_INTERACTIONS
    found = leaves(assign_items(centroids, new if has_text else blank(new), log))
    assert all(np.array_equal(a, b) for a, b in zip(before, tree.labels, strict=True))
    if not has_text and not has_interactions:
        assert np.isnan(found).all()  # nothing is known of them, so they are nowhere
        return
    assert not np.isnan(found).any()
    found = found.astype(np.int64)
    # the topic of a cluster is that of most of its items; every topic has one here
    old_topics = WORLD.topic_of_item[np.arange(len(WORLD.items)) % 4 != 3]
    topic_of = [np.bincount(old_topics[tree.labels[1] == c]).argmax() for c in range(9)]
    touched = WORLD.interactions.group_by("item_id").len()
    counts = new.join(touched, on="item_id", how="left")["len"].fill_null(0).to_numpy()
    judged = np.ones(len(new), dtype=bool) if has_text else counts >= 5
    assert judged.sum() >= 10
    truth = WORLD.topic_of_item[np.arange(len(WORLD.items)) % 4 == 3]
    hits = np.array(topic_of)[found] == truth
    assert hits[judged].mean() >= 0.9


def test_an_assignment_says_how_sure_it_is() -> None:
    is_coffee = WORLD.items["title"].str.contains("coffee")
    clear = WORLD.items.filter(is_coffee).head(10)
    others = WORLD.items.filter(~is_coffee).head(10)
    torn = clear.with_columns(title=clear["title"] + " " + others["title"])
    sure, unsure = (
        assign_items(CENTROIDS, items).filter(pl.col("level") == 1) for items in (clear, torn)
    )
    assert sure["similarity"].is_between(0, 1 + 1e-6).all()
    assert sure["margin"].is_between(0, 2).all()
    assert unsure["similarity"].mean() < sure["similarity"].mean()
    assert unsure["margin"].mean() < sure["margin"].mean()


def test_places_come_back_from_their_folder_to_the_bit(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        save_centroids(CENTROIDS, folder)
    for file in first.iterdir():
        assert file.read_bytes() == (second / file.name).read_bytes()
    found = assign_items(load_centroids(first), WORLD.items, WORLD.interactions.lazy(), CUT)
    assert found.equals(assign_items(CENTROIDS, WORLD.items, WORLD.interactions.lazy(), CUT))


@pytest.mark.parametrize("damage", ["gone", "cut", "empty"])
def test_a_damaged_folder_is_refused_in_one_line(tmp_path: Path, damage: str) -> None:
    save_centroids(CENTROIDS, tmp_path)
    file = tmp_path / ARRAYS_FILE
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[: 100 if damage == "cut" else 0])
    with pytest.raises(UserError, match="holds the centroids of a cluster tree"):
        load_centroids(tmp_path)
