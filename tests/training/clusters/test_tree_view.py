from __future__ import annotations

import polars as pl
import pytest

from expectations.contracts.errors import UserError
from training.clusters.tree_view import serving_clusters

CLUSTERS = pl.DataFrame(
    {
        "level": [0, 0, 1, 1, 1],
        "cluster_id": [0, 1, 2, 0, 1],
        "parent_id": [None, None, 1, 0, 0],
        "description": ["sea life", "hill walks", "high peaks", "whale song", "coral reefs"],
    }
)
MEMBERS = pl.DataFrame(
    {
        "item_id": ["b", "a", "c", "b", "a", "c"],
        "level": [0, 0, 0, 1, 1, 1],
        "cluster_id": [0, 0, 1, 1, 0, 2],
    }
)


def test_the_level_that_is_named_is_served() -> None:
    deepest = serving_clusters(CLUSTERS, MEMBERS, level=1)
    assert deepest.descriptions == ("whale song", "coral reefs", "high peaks")
    assert deepest.ancestors.families.tolist() == [0, 0, 1]
    assert deepest.ancestors.fields.tolist() == [0, 0, 1]
    assert deepest.n_clusters == 3
    top = serving_clusters(CLUSTERS, MEMBERS, level=0)
    assert top.descriptions == ("sea life", "hill walks")
    assert top.ancestors.families.tolist() == top.ancestors.fields.tolist() == [0, 1]


def test_the_field_is_the_ancestor_at_the_top_however_many_levels_there_are() -> None:
    nodes = pl.DataFrame(
        {
            "level": [0, 0, 1, 1, 2, 2, 2, 3, 3, 3, 3],
            "cluster_id": [1, 0, 0, 1, 2, 0, 1, 0, 3, 2, 1],
            "parent_id": [None, None, 1, 0, 1, 0, 0, 2, 0, 1, 1],
            "description": [f"name {place}" for place in range(11)],
        }
    )
    members = pl.DataFrame({"item_id": ["a"], "level": [3], "cluster_id": [0]})
    ancestors = serving_clusters(nodes, members, level=3).ancestors
    assert ancestors.families.tolist() == [2, 1, 1, 0]
    assert ancestors.fields.tolist() == [0, 1, 1, 1]


def test_items_are_looked_up_both_ways() -> None:
    view = serving_clusters(CLUSTERS, MEMBERS, level=1)
    assert view.clusters_of(["c", "a", "c"]).tolist() == [2, 0, 2]
    assert view.clusters_of([]).tolist() == []
    assert view.items_of(1) == ("b",)
    assert view.has_item("a")
    assert not view.has_item("z")
    assert view.item_cluster_frame().rows() == [("a", 0), ("b", 1), ("c", 2)]
    with pytest.raises(KeyError):
        view.clusters_of(["z"])


def test_a_level_that_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match=r"clusters\.level"):
        serving_clusters(CLUSTERS, MEMBERS, level=5)


def test_ids_with_gaps_are_refused() -> None:
    with pytest.raises(UserError, match="gaps"):
        serving_clusters(CLUSTERS.filter(pl.col("cluster_id") != 0), MEMBERS, level=1)
