"""Every policy names novel clusters only, and each as it says of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from inference.experiment.environment import expected_liking, without_undiscovered
from inference.experiment.policies import (
    BanditPolicy,
    ClusterPolicy,
    RandomPolicy,
    ScoredPolicy,
    shuffle_table,
)
from tests.worlds.experiment import (
    CLUSTER_OF_ITEM,
    ITEM_IDS,
    LIKED,
    N_CLUSTERS,
    WANTED,
    make_environment,
    make_participants,
    make_system,
)
from training.bandits.config import BanditConfig
from training.bandits.hierarchical import BanditTree, HierarchicalBandit

VECTORS = np.eye(N_CLUSTERS)


def bandit() -> BanditPolicy:
    tree = BanditTree.over(VECTORS, [np.array([0, 0, 0, 1, 1, 1])])
    return BanditPolicy(HierarchicalBandit(tree, BanditConfig(width=0)), VECTORS)


POLICIES: dict[str, Callable[[], ClusterPolicy]] = {
    "served": lambda: make_system().planner(),
    "unaligned": lambda: replace(make_system().planner(), alignment=None),
    "random": lambda: RandomPolicy(N_CLUSTERS, np.random.default_rng(0)),
    "popular": lambda: ScoredPolicy(np.arange(N_CLUSTERS, dtype=float)),
    "bandit": bandit,
}


@pytest.mark.parametrize("name", POLICIES)
def test_what_is_known_is_not_named(name: str) -> None:
    plans = POLICIES[name]().plan(make_participants(5), 3)
    assert len(plans) == 5
    for plan in plans:
        named = [planned.cluster_id for planned in plan]
        assert len(named) == len(set(named)) == 3
        assert not set(named) & set(LIKED)


def test_everybody_gets_the_most_popular() -> None:
    (plan,) = ScoredPolicy(np.array([9.0, 8, 1, 5, 3, -np.inf])).plan(make_participants(1), 5)
    assert [planned.cluster_id for planned in plan] == [3, 4, 2]


def test_random_clusters_are_drawn_alike() -> None:
    plans = RandomPolicy(N_CLUSTERS, np.random.default_rng(0)).plan(make_participants(4000), 1)
    drawn = np.bincount([plan[0].cluster_id for plan in plans], minlength=N_CLUSTERS)
    assert drawn[list(LIKED)].sum() == 0
    assert (abs(drawn[2:] - 1000) < 5 * np.sqrt(4000 * 0.25 * 0.75)).all()  # five deviations


def test_a_placebo_names_other_clusters_by_the_same_steps() -> None:
    table = make_system().table
    placebo = shuffle_table(table, np.random.default_rng(1))
    assert np.array_equal(placebo.scores, table.scores)
    renamed = {
        int(a): int(b) for a, b in zip(table.clusters.flat, placebo.clusters.flat, strict=True)
    }
    assert sorted(renamed.values()) == sorted(renamed)
    assert renamed[-1] == -1  # a row's end stays one
    assert renamed != {name: name for name in renamed}


def test_a_bandit_learns_of_what_explored_alone() -> None:
    policy, people = bandit(), make_participants(50)
    shown = {"user": range(50), "is_positive": [True] * 50}
    ordinary = pl.DataFrame(shown | {"cluster": [4] * 50, "is_exploratory": [False] * 50})
    before = policy.plan(people, 1)
    policy.learn(people, ordinary)
    assert policy.plan(people, 1) == before
    explored = pl.DataFrame(shown | {"cluster": [4] * 50, "is_exploratory": [True] * 50})
    for _ in range(3):
        policy.learn(people, explored)
    assert {plan[0].cluster_id for plan in policy.plan(people, 1)} == {4}


def test_the_oracle_knows_what_is_wanted() -> None:
    environment = make_environment(3)
    clusters = np.array([CLUSTER_OF_ITEM[item] for item in ITEM_IDS])
    liking = expected_liking(environment, clusters, N_CLUSTERS)
    assert np.allclose(liking, environment.affinity)  # topics are clusters here
    plans = ScoredPolicy(liking).plan(make_participants(3), 1)
    assert {plan[0].cluster_id for plan in plans} == {WANTED}


def test_the_null_world_has_nothing_left_to_discover() -> None:
    environment = make_environment(3)
    null = without_undiscovered(environment, np.full((3, N_CLUSTERS), 0.05))
    assert not null.is_untouched.any()
    assert (null.affinity[:, WANTED] == 0.05).all()
    assert np.array_equal(null.affinity[:, list(LIKED)], environment.affinity[:, list(LIKED)])
