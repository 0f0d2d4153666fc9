"""Distances on trees of any depth, against the plain reading of their definition."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.clusters.distance import DISTANCES, KNOWN, Ancestors, climb

ADJACENT, NEW_FAMILY, NEW_FIELD = range(len(DISTANCES))


@st.composite
def trees(draw: st.DrawFn) -> list[np.ndarray]:
    """Parents of every level below the top one, broad to narrow, of one to five levels."""
    sizes = sorted(draw(st.lists(st.integers(1, 12), min_size=1, max_size=5)))
    return [
        np.array(draw(st.lists(st.integers(0, above - 1), min_size=size, max_size=size)))
        for above, size in itertools.pairwise(sizes)
    ]


@st.composite
def people(draw: st.DrawFn) -> tuple[Ancestors, list[list[int]]]:
    parents = draw(trees())
    n_clusters = len(parents[-1]) if parents else draw(st.integers(1, 12))
    known = draw(st.lists(st.lists(st.integers(0, n_clusters - 1)), max_size=5))
    return climb(parents, n_clusters), known


@given(people())
def test_a_distance_is_what_its_definition_says(drawn: tuple[Ancestors, list[list[int]]]) -> None:
    ancestors, known = drawn
    found = ancestors.distances_of(known)
    assert found.dtype == np.int8
    assert found.shape == (len(known), len(ancestors.families))
    for row, clusters in zip(found.tolist(), known, strict=True):
        families = {int(ancestors.families[cluster]) for cluster in clusters}
        fields = {int(ancestors.fields[cluster]) for cluster in clusters}
        for cluster, distance in enumerate(row):
            if cluster in clusters:
                assert distance == KNOWN
            elif ancestors.families[cluster] in families:
                assert distance == ADJACENT
            elif ancestors.fields[cluster] in fields:
                assert distance == NEW_FAMILY
            else:
                assert distance == NEW_FIELD


@given(people())
def test_one_user_and_many_have_the_same_distances(
    drawn: tuple[Ancestors, list[list[int]]],
) -> None:
    ancestors, known = drawn
    together = ancestors.distances_of(known)
    for row, clusters in zip(together, known, strict=True):
        assert np.array_equal(row, ancestors.distances_from(clusters))


@given(people(), st.data())
def test_whoever_knows_more_is_nowhere_farther(
    drawn: tuple[Ancestors, list[list[int]]], data: st.DataObject
) -> None:
    ancestors, known = drawn
    more = data.draw(st.integers(0, len(ancestors.families) - 1))
    for clusters in known:
        before, after = ancestors.distances_of([clusters, [*clusters, more]])
        assert (after <= before).all()


def test_whoever_knows_nothing_finds_new_fields_only() -> None:
    assert (climb([np.array([0, 0, 1])], 3).distances_from([]) == NEW_FIELD).all()


def test_two_levels_know_two_distances_and_one_level_one() -> None:
    two = climb([np.array([0, 0, 1])], 3)
    assert two.distances_from([0]).tolist() == [KNOWN, ADJACENT, NEW_FIELD]
    one = climb([], 3)
    assert one.distances_from([0]).tolist() == [KNOWN, NEW_FIELD, NEW_FIELD]
