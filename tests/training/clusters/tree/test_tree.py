from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.metrics import homogeneity_score

from expectations.contracts.checks import check_table
from expectations.contracts.errors import UserError
from expectations.contracts.tables import CLUSTERS, ITEM_CLUSTERS, ITEM_EMBEDDINGS
from tests.worlds.clusters import CUT, build_topic_world
from training.clusters.cluster_name import ClusterName
from training.clusters.config import ClusterConfig, RepresentationConfig
from training.clusters.representation.represent import Representation, fit_items
from training.clusters.tree.frames import frame_clusters, frame_item_clusters, frame_traffic
from training.clusters.tree.quality import measure_clusters, measure_stays
from training.clusters.tree.tree import ClusterTree, build_tree
from training.clusters.tree_view import serving_clusters

WORLD = build_topic_world()
CONFIG = ClusterConfig(
    levels=(3, 9),
    representation=RepresentationConfig(text_dimensions=12, collaborative_dimensions=8),
)


def build(seed: int = 0, config: ClusterConfig = CONFIG) -> tuple[Representation, ClusterTree]:
    rng = np.random.default_rng(seed)
    represented = fit_items(
        WORLD.items, WORLD.interactions.lazy(), CUT, config.representation, rng
    )[1]
    return represented, build_tree(represented, config, rng)


@pytest.mark.parametrize("levels", [(9,), (3, 9), (2, 5, 11), (1, 7, 36)])
def test_levels_are_nested_complete_and_numbered_in_tree_order(levels: tuple[int, ...]) -> None:
    _, tree = build(config=CONFIG.model_copy(update={"levels": levels}))
    assert tree.n_levels == len(levels)
    for level, labels in enumerate(tree.labels):
        assert np.array_equal(np.unique(labels), np.arange(levels[level]))
        assert np.bincount(labels).min() >= 3
        if level:
            assert np.array_equal(tree.parents[level][labels], tree.labels[level - 1])
            assert (np.diff(tree.parents[level]) >= 0).all()


def test_planted_topics_are_recovered() -> None:
    # traffic of the nine topics is nearly even, so balance costs nothing here
    for seed in range(3):
        _, tree = build(seed)
        assert homogeneity_score(WORLD.topic_of_item, tree.labels[1]) > 0.9


def test_two_builds_agree() -> None:
    first, second = build()[1], build()[1]
    assert all(np.array_equal(a, b) for a, b in zip(first.labels, second.labels, strict=True))


def test_items_that_do_not_fill_the_clusters_are_refused_with_a_remedy() -> None:
    with pytest.raises(UserError, match="at most 36 clusters"):
        build(config=CONFIG.model_copy(update={"levels": (3, 40)}))
    with pytest.raises(UserError) as caught:  # items for a single cluster at most
        build(config=CONFIG.model_copy(update={"min_items": 100}))
    assert caught.value.remedy == "bring more items"


@pytest.mark.parametrize("levels", [(), (0, 4), (8, 4), (4, 4)])
def test_levels_must_grow(levels: tuple[int, ...]) -> None:
    with pytest.raises(ValidationError, match="levels"):
        ClusterConfig(levels=levels)


def test_a_serving_level_outside_the_tree_is_refused() -> None:
    assert ClusterConfig(level=0).serving_level == 0
    assert not hasattr(ClusterConfig(level=0), "level")  # as configured it says nothing of wanted
    assert ClusterConfig().serving_level == 2
    with pytest.raises(ValidationError, match="level must name"):
        ClusterConfig(level=3)


def test_a_wanted_count_is_served_and_becomes_a_level_where_there_is_none() -> None:
    there = ClusterConfig(levels=(4, 16, 64), wanted=16)
    assert (there.counts, there.serving_level) == ((4, 16, 64), 1)
    between = ClusterConfig(levels=(4, 16, 64), wanted=32)
    assert (between.counts, between.serving_level) == ((4, 16, 32, 64), 2)
    narrower = CONFIG.model_copy(update={"wanted": 12})
    assert (narrower.counts, narrower.serving_level) == ((3, 9, 12), 2)
    assert [len(centres) for centres in build(config=narrower)[1].centres] == [3, 9, 12]
    with pytest.raises(ValidationError, match="leave one of them out"):
        ClusterConfig(level=0, wanted=16)


def test_tables_keep_their_contracts_and_figures_describe_them() -> None:
    represented, tree = build()
    names = tuple(
        tuple(ClusterName(f"name {level} {i}") for i in range(n))
        for level, n in enumerate(CONFIG.levels)
    )
    clusters = frame_clusters(tree, names, represented)
    members = frame_item_clusters(tree, represented.item_ids)
    for frame, table in (
        (clusters, CLUSTERS),
        (members, ITEM_CLUSTERS),
        (represented.to_frame(), ITEM_EMBEDDINGS),
    ):
        check_table(frame.select(table.schema.names).to_arrow().cast(table.schema), table)
    figures = measure_clusters(clusters, represented.top_item_share, level=1)
    assert figures["n_clusters"] == figures["n_clusters_level_1"] == 9
    assert figures["traffic_balance"] <= 1.3
    assert figures["min_items"] >= 3
    assert figures["n_duplicate_descriptions"] == 0
    view = serving_clusters(clusters, members, level=1)
    stays = measure_stays(
        WORLD.interactions.lazy(), view.item_cluster_frame(), CUT, np.random.default_rng(0)
    )
    assert stays["next_item_stays_low"] > 2 * stays["next_item_stays_chance"]
    assert frame_traffic(clusters, 1)["traffic"].is_sorted(descending=True)


def test_duplicates_and_an_empty_future_are_reported() -> None:
    represented, tree = build()
    names = tuple((ClusterName("the same"),) * n for n in CONFIG.levels)
    clusters = frame_clusters(tree, names, represented)
    assert measure_clusters(clusters, 0.0, level=1)["n_duplicate_descriptions"] == 12
    view = serving_clusters(clusters, frame_item_clusters(tree, represented.item_ids), level=1)
    stays = measure_stays(
        WORLD.interactions.head(0).lazy(), view.item_cluster_frame(), CUT, np.random.default_rng(0)
    )
    assert stays == {"next_item_stays_n_cases": 0}
