"""Interests keep their ids: planted changes are named, permuted ids come back, nothing is torn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.contracts.errors import UserError
from tests.worlds.clusters import CUT, TopicWorld, build_topic_world
from training.clusters.cluster_name import ClusterName
from training.clusters.config import ClusterConfig, PreviousTreeConfig, RepresentationConfig
from training.clusters.lineage.change_records import TreeChanges
from training.clusters.lineage.changes import list_changes, measure_changes
from training.clusters.lineage.changes_text import write_changes
from training.clusters.lineage.lineage import LevelLineage, keep_ids, keep_names
from training.clusters.naming.describe import describe_tree
from training.clusters.representation.represent import Representation, fit_items
from training.clusters.tree.frames import frame_clusters, frame_item_clusters
from training.clusters.tree.previous import PreviousTree, align_previous
from training.clusters.tree.tree import ClusterTree, build_tree

PIN = PreviousTreeConfig(folder="unused", sha256="0" * 64)
NEW = -1


def place_items(topics: Sequence[int], traffic: Sequence[int] | None = None) -> Representation:
    """Items whose vectors are those of their topics: topics are at right angles."""
    vectors = np.eye(max(topics) + 1, dtype=np.float32)[list(topics)]
    ids = pl.Series("item_id", [f"i{row:03}" for row in range(len(topics))])
    return Representation(ids, vectors, vectors, np.array(traffic or [9] * len(topics)))


def tree_of(representation: Representation, *labels: Sequence[int]) -> ClusterTree:
    """The tree with these clusters per level, broad to narrow."""
    found = tuple(np.array(level) for level in labels)
    parents = [np.empty(0, dtype=np.int64)]
    for above, below in pairwise(found):
        parents.append(np.array([above[below == cluster][0] for cluster in range(below.max() + 1)]))
    centres = []
    for level in found:
        sums = np.zeros((level.max() + 1, representation.vectors.shape[1]), dtype=np.float32)
        np.add.at(sums, level, representation.vectors)
        centres.append(sums / np.linalg.norm(sums, axis=1, keepdims=True))
    return ClusterTree(found, tuple(parents), tuple(centres))


def previous_of(*labels: Sequence[int], n_gone: int = 0) -> PreviousTree:
    """The previous tree with these clusters of the present items; ``n_gone`` more are in its 0."""
    found = tuple(np.array(level) for level in labels)
    sizes = tuple(np.bincount(level[level >= 0], minlength=level.max() + 1) for level in found)
    for level in sizes:
        level[0] += n_gone
    return PreviousTree(
        labels=found,
        names=tuple(
            tuple(ClusterName(f"old {level} {cluster}") for cluster in range(len(size)))
            for level, size in enumerate(sizes)
        ),
        traffic=tuple(size / size.sum() for size in sizes),
        n_items=sizes,
        config=PIN,
    )


def follow(
    representation: Representation, tree: ClusterTree, previous: PreviousTree
) -> tuple[ClusterTree, tuple[LevelLineage, ...], TreeChanges]:
    kept, lineages = keep_ids(tree, previous, representation)
    names = [
        [ClusterName(f"new {level} {cluster}") for cluster in range(len(centres))]
        for level, centres in enumerate(kept.centres)
    ]
    for level, named in enumerate(keep_names(lineages, previous)):
        for cluster, name in named.items():
            names[level][cluster] = name
    clusters = frame_clusters(kept, names, representation)
    return kept, lineages, list_changes(lineages, previous, clusters)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_an_identical_rebuild_under_permuted_ids_gets_every_id_back(data: st.DataObject) -> None:
    counts = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3), "children per node")
    sizes = np.cumprod(counts)
    leaves = np.repeat(np.arange(sizes[-1]), data.draw(st.integers(1, 4), "items per leaf"))
    levels = [leaves // (sizes[-1] // size) for size in sizes]
    traffic = data.draw(st.lists(st.integers(0, 50), min_size=len(leaves), max_size=len(leaves)))
    shuffled = [
        np.array(data.draw(st.permutations(range(size))), dtype=np.int64)[level]
        for size, level in zip(sizes, levels, strict=True)
    ]
    represented = place_items(leaves.tolist(), traffic)
    kept, _, changes = follow(represented, tree_of(represented, *levels), previous_of(*shuffled))
    for level, labels in enumerate(kept.labels):
        assert np.array_equal(labels, shuffled[level])
        if level:
            assert np.array_equal(kept.parents[level][labels], kept.labels[level - 1])
    assert not changes.reused_ids
    assert len(changes.survivors) == sizes.sum()
    assert all(survivor.kept == 1 for survivor in changes.survivors)
    assert all(s.description == f"old {s.level} {s.cluster_id}" for s in changes.survivors)


def test_a_merged_and_a_split_interest_are_named_and_the_larger_part_keeps_the_id() -> None:
    # before: 0 = topic 0, 1 = topic 1, 2 = topics 2 and 3, 3 = topic 4; now 1 and 4 are one
    topics = [0] * 4 + [1] * 4 + [2] * 4 + [3] * 3 + [4] * 3
    represented = place_items(topics)
    now = [0] * 4 + [1] * 4 + [2] * 4 + [3] * 3 + [1] * 3
    before = [0] * 4 + [1] * 4 + [2] * 7 + [3] * 3
    kept, lineages, changes = follow(represented, tree_of(represented, now), previous_of(before))
    assert kept.labels[0].tolist() == now
    assert [survivor.cluster_id for survivor in changes.survivors] == [0, 1, 2]
    (reused,) = changes.reused_ids
    assert (reused.cluster_id, reused.was, reused.now) == (3, "old 0 3", "new 0 3")
    assert (reused.ended, reused.into, reused.into_name) == ("merged", 1, "old 0 1")
    assert (reused.began, reused.out_of, reused.out_of_name) == ("split", 2, "old 0 2")
    figures = measure_changes(lineages, changes)
    assert figures["n_survived_level_0"] == 3
    assert figures["n_merged_level_0"] == figures["n_split_level_0"] == 1
    assert figures["n_died_level_0"] == figures["n_born_level_0"] == 0
    assert figures["items_under_same_id_level_0"] == pytest.approx(12 / 18)
    assert figures["survived_weight_level_0"] == pytest.approx(15 / 18)
    assert figures["items_of_survivors_under_same_id_level_0"] == pytest.approx(12 / 15)
    assert TreeChanges.from_json(json.loads(json.dumps(changes.to_json()))) == changes
    page = write_changes(changes)
    assert "merged into 1, old 0 1; it now is *new 0 3*" in page
    assert "| 0 | 4 | 3 | 1 | 0 | 1 | 0 |" in page


def test_what_left_the_catalogue_died_and_what_came_new_is_born() -> None:
    # before: 0 = items that are gone but for one, 1 = topic 1; now 0 = topic 2, all of it new
    topics = [0] + [1] * 5 + [2] * 4
    represented = place_items(topics)
    tree = tree_of(represented, [1] + [1] * 5 + [0] * 4)
    previous = previous_of([0] + [1] * 5 + [NEW] * 4, n_gone=5)
    _, lineages, changes = follow(represented, tree, previous)
    (reused,) = changes.reused_ids
    assert (reused.cluster_id, reused.ended, reused.began) == (0, "died", "born")
    assert reused.into is None
    assert reused.out_of is None
    figures = measure_changes(lineages, changes)
    assert figures["n_died_level_0"] == figures["n_born_level_0"] == 1
    assert "which died; it now is *new 0 0* (40.00%), newly born." in write_changes(changes)


def test_an_interest_in_equal_thirds_is_no_longer_the_same() -> None:
    represented = place_items([0, 1, 2] * 3 + [3, 4, 5] * 2)
    tree = tree_of(represented, [0, 1, 2] * 3 + [3] * 6)
    _, _, changes = follow(represented, tree, previous_of([0] * 9 + [1, 2, 3] * 2))
    # each third shares half of its weight with the whole, at a cosine of .58 to its centre
    assert 0 not in {survivor.cluster_id for survivor in changes.survivors}
    out_of_it = [change for change in changes.reused_ids if change.out_of == 0]
    assert [change.began for change in out_of_it] == ["split"] * 3


def test_ids_of_new_interests_go_by_traffic_and_stay_dense() -> None:
    represented = place_items([0, 1, 2, 3], [1, 5, 30, 9])
    tree = tree_of(represented, [0, 1, 2, 3])
    previous = previous_of([NEW, 3, NEW, NEW])
    kept, _, changes = follow(represented, tree, previous)
    assert kept.labels[0].tolist() == [2, 3, 0, 1]
    assert [reused.cluster_id for reused in changes.reused_ids] == [0, 1, 2]


WORLD = build_topic_world()
CONFIG = ClusterConfig(
    levels=(3, 8),
    balance=1.5,  # room enough that balance tears no topic
    representation=RepresentationConfig(text_dimensions=12, collaborative_dimensions=8),
)


def build(
    world: TopicWorld, items: pl.DataFrame, seed: int, previous: PreviousTree | None = None
) -> tuple[Representation, ClusterTree]:
    rng = np.random.default_rng(seed)
    represented = fit_items(items, world.interactions.lazy(), CUT, CONFIG.representation, rng)[1]
    return represented, build_tree(represented, CONFIG, rng, previous)


def test_a_rebuild_replaces_a_topic_that_left_by_one_that_came_and_keeps_the_rest() -> None:
    topics = pl.Series(WORLD.topic_of_item)
    old_items, new_items = WORLD.items.filter(topics < 8), WORLD.items.filter(topics > 0)
    represented, tree = build(WORLD, old_items, 0)
    names = describe_tree(old_items, tree, represented, CONFIG)
    previous = align_previous(
        frame_clusters(tree, names, represented),
        frame_item_clusters(tree, represented.item_ids),
        new_items["item_id"],
        CONFIG.levels,
        PIN,
    )
    represented, rebuilt = build(WORLD, new_items, 5, previous)
    rebuilt, lineages = keep_ids(rebuilt, previous, represented)
    kept = keep_names(lineages, previous)
    new_names = describe_tree(new_items, rebuilt, represented, CONFIG, kept)
    changes = list_changes(lineages, previous, frame_clusters(rebuilt, new_names, represented))
    (reused,) = [change for change in changes.reused_ids if change.level == 1]
    assert (reused.ended, reused.began) == ("died", "born")
    assert {"bonsai", "care"} & set(reused.was.split())
    assert {"curry", "cooking"} & set(reused.now.split())
    assert len(set(new_names[1])) == 8
    survivors = {s.cluster_id: s.description for s in changes.survivors if s.level == 1}
    assert survivors == {i: name.text for i, name in enumerate(names[1]) if i != reused.cluster_id}
    # a single popular item that moves is up to .03 of the traffic of this small world
    assert measure_changes(lineages, changes)["items_of_survivors_under_same_id_level_1"] > 0.9


def test_a_new_name_does_not_repeat_a_kept_one() -> None:
    represented, tree = build(WORLD, WORLD.items, 0)
    names = describe_tree(WORLD.items, tree, represented, CONFIG)
    stolen = tuple(
        {cluster: names[level][cluster + 1] for cluster in range(len(names[level]) - 1)}
        for level in range(2)
    )
    renamed = describe_tree(WORLD.items, tree, represented, CONFIG, stolen)
    for level in range(2):
        assert renamed[level][:-1] == names[level][1:]
        assert len(set(renamed[level])) == len(names[level])


NODES = pl.DataFrame(
    {
        "level": [0, 0, 1, 1, 1],
        "cluster_id": [0, 1, 0, 1, 2],
        "parent_id": [None, None, 0, 0, 1],
        "description": ["sea life", "hill walks", "whale song", "coral reefs", "high peaks"],
        "n_items": [2, 1, 1, 1, 1],
        "traffic": [0.6, 0.4, 0.3, 0.3, 0.4],
    }
)
MEMBERS = pl.DataFrame(
    {
        "item_id": ["a", "b", "c", "a", "b", "c"],
        "level": [0, 0, 0, 1, 1, 1],
        "cluster_id": [0, 0, 1, 0, 1, 2],
    }
)
ITEMS = pl.Series("item_id", ["a", "c", "d"])


def align(nodes: pl.DataFrame = NODES, members: pl.DataFrame = MEMBERS) -> PreviousTree:
    return align_previous(nodes, members, ITEMS, (2, 3), PIN)


def test_a_previous_tree_is_laid_out_over_the_present_items() -> None:
    previous = align()
    assert [labels.tolist() for labels in previous.labels] == [[0, 1, -1], [0, 2, -1]]
    assert [name.text for name in previous.names[1]] == ["whale song", "coral reefs", "high peaks"]
    assert previous.n_items[0].tolist() == [2, 1]


def test_a_previous_tree_that_does_not_fit_ends_in_one_clear_line() -> None:
    where = pl.col("item_id").eq("a") & pl.col("level").eq(1)
    moved = MEMBERS.with_columns(cluster_id=pl.when(where).then(2).otherwise("cluster_id"))
    strange = MEMBERS.with_columns(cluster_id=pl.when(where).then(7).otherwise("cluster_id"))
    for nodes, members, told in (
        (NODES.filter(pl.col("level") == 0), MEMBERS, r"\[2, 3\].*set clusters.levels to \[2\]"),
        (NODES.filter(pl.col("cluster_id") > 0), MEMBERS, "without gaps"),
        (NODES.with_columns(level=pl.col("level") + 1), MEMBERS, "without gaps"),
        (NODES, MEMBERS.filter(~where), "every item has one cluster"),
        (NODES, strange, r"every item has one cluster.*'a', 1, 7"),
        (NODES, moved, "item a at level 1"),
        (NODES, MEMBERS.with_columns(item_id="x" + pl.col("item_id")), "none of 3 items"),
    ):
        with pytest.raises(UserError, match=told) as caught:
            align(nodes, members)
        assert "\n" not in str(caught.value)
