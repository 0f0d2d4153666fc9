"""Histories that the embedded base model reads: every cluster is named in some."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tests.worlds.planner import co_interest_world
from training.planner.base.corpus import LEAST_NAMED, name_rare_clusters, write_corpus
from training.planner.prompt import render_completion

N_CLUSTERS = 6
CLUSTERS = st.lists(st.integers(0, N_CLUSTERS - 1), min_size=2, max_size=4, unique=True)
HISTORIES = st.lists(CLUSTERS.map(tuple), min_size=1, max_size=30)
FAMILIES = st.lists(st.integers(0, 2), min_size=N_CLUSTERS, max_size=N_CLUSTERS).map(np.array)


def count_named(histories: list[tuple[int, ...]]) -> np.ndarray:
    return np.bincount(list(itertools.chain(*histories)), minlength=N_CLUSTERS)


def test_a_cluster_that_nobody_has_touched_takes_the_place_of_its_family() -> None:
    touched = [(0, 1, 2), (1, 0, 2), (0, 2, 1), (2, 1, 0)]  # each four times, two is the least
    families = np.array([0, 1, 1, 1, 2])  # 3 is like 1 and 2; nobody is like 4

    copies = name_rare_clusters(touched, families)

    of_family = [copy for copy in copies if 3 in copy]
    alone = [copy for copy in copies if 4 in copy]
    assert len(of_family) == len(alone) == 2
    for copy in of_family:
        assert 0 in copy
        assert len({1, 2} & set(copy)) == 1
    assert name_rare_clusters(touched, families) == copies


def test_a_description_without_a_log_is_read_as_a_line_and_as_an_answer() -> None:
    world = co_interest_world(n_clusters=8, n_users=200)
    fresh = 3
    known = world.transitions.filter(
        pl.col("target_cluster") != fresh, ~pl.col("history_clusters").list.contains(fresh)
    )

    histories = write_corpus(world.items, world.clusters, known).histories

    name = world.descriptions[fresh]
    assert any(f"- {name}\n" in told for told in histories)
    assert any(told.endswith(render_completion(name)) for told in histories)


def test_where_all_are_touched_alike_nothing_is_added() -> None:
    histories = [(0, 1), (1, 2), (2, 0)]
    assert name_rare_clusters(histories, np.zeros(3, dtype=np.int64)) == []


def test_without_histories_there_is_nothing_to_copy() -> None:
    assert name_rare_clusters([], np.zeros(3, dtype=np.int64)) == []


@given(HISTORIES, FAMILIES)
def test_copies_differ_in_one_cluster_and_every_one_is_named_often_enough(
    histories: list[tuple[int, ...]], families: np.ndarray
) -> None:
    copies = name_rare_clusters(histories, families)
    named = count_named(histories)
    least = int(LEAST_NAMED * np.median(named[named > 0]))
    rare = set(np.flatnonzero(named < least).tolist())
    for copy in copies:
        assert len(set(copy)) == len(copy)
        assert any(
            sum(mine != other for mine, other in zip(copy, told, strict=True)) == 1
            and rare & (set(copy) - set(told))
            for told in histories
            if len(told) == len(copy)
        )
    for cluster in rare:
        kin = (families == families[cluster]) & (named > 0) & (np.arange(N_CLUSTERS) != cluster)
        kin = kin if kin.any() else (named > 0) & (np.arange(N_CLUSTERS) != cluster)
        able = sum(cluster not in told and any(kin[list(told)]) for told in histories)
        added = sum(
            cluster in copy and any(set(copy) - set(told) == {cluster} for told in histories)
            for copy in copies
        )
        assert added >= min(able, least - named[cluster])
