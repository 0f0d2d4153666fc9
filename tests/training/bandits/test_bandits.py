"""Bandits in worlds with a known best cluster: regret falls, and the known best is found."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.bandits.config import BanditConfig
from training.bandits.hierarchical import BanditTree, HierarchicalBandit, ProgressiveBandit
from training.bandits.linear_posterior import LinearPosterior
from training.bandits.log_feedback import feedback_of_cases
from training.bandits.neural_linear import NeuralLinearBandit
from training.bandits.policy import ClusterBandit, Feedback, cluster_vectors, user_vectors
from training.evaluation.clusters.cases import PlannerCases

N_CLUSTERS, N_FAMILIES, N_USERS, ROUNDS = 12, 3, 100, 40
FAMILY = np.repeat(np.arange(N_FAMILIES), N_CLUSTERS // N_FAMILIES)
CONFIG = BanditConfig(dimensions=12)


def world(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return cluster vectors, users' vectors and the chance of a like of every pair, [U, N].

    Clusters are unit vectors. A person is the mean of the clusters of one family; what they like
    are the clusters of the next one: .8 for its first cluster, .4 for its others, .05 elsewhere.
    """
    rng = np.random.default_rng(seed)
    clusters = np.eye(N_CLUSTERS) * np.sqrt(N_CLUSTERS)
    own = rng.integers(N_FAMILIES, size=N_USERS)
    users = np.stack([clusters[family == FAMILY].mean(axis=0) for family in own])
    chance = np.full((N_USERS, N_CLUSTERS), 0.05)
    liked = (own + 1) % N_FAMILIES
    chance[FAMILY[None] == liked[:, None]] = 0.4
    chance[np.arange(N_USERS), liked * (N_CLUSTERS // N_FAMILIES)] = 0.8
    return clusters, users, chance


def everybody_likes_one(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a world in which cluster 7 is the best of everybody."""
    clusters, users, chance = world(seed)
    chance[:] = 0.1
    chance[:, 7] = 0.7
    return clusters, users, chance


def tree(clusters: np.ndarray) -> BanditTree:
    return BanditTree.over(clusters, [FAMILY])


BANDITS: dict[str, Callable[[np.ndarray, int], ClusterBandit]] = {
    "HCB": lambda clusters, _: HierarchicalBandit(tree(clusters), CONFIG),
    "pHCB": lambda clusters, seed: ProgressiveBandit(
        tree(clusters), CONFIG, np.random.default_rng(seed)
    ),
    "neural linear": lambda clusters, seed: NeuralLinearBandit(
        clusters, CONFIG, np.random.default_rng(seed)
    ),
}


def play(
    bandit: ClusterBandit, users: np.ndarray, clusters: np.ndarray, chance: np.ndarray, seed: int
) -> np.ndarray:
    """Return the mean regret of each round, [ROUNDS]."""
    rng = np.random.default_rng(seed)
    rows = np.arange(len(users))
    regrets = []
    for _ in range(ROUNDS):
        chosen = bandit.choose(users, np.ones(chance.shape, dtype=bool), 1)
        shown = np.array([clusters_[0] for clusters_ in chosen])
        regrets.append((chance.max(axis=1) - chance[rows, shown]).mean())
        likes = (rng.random(len(users)) < chance[rows, shown]).astype(float)
        bandit.learn(Feedback(users, shown, likes))
    return np.array(regrets)


@pytest.mark.parametrize("name", BANDITS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_regret_falls_to_a_third_of_chance_where_one_cluster_is_best(name: str, seed: int) -> None:
    clusters, users, chance = everybody_likes_one(seed)
    by_chance = (chance.max(axis=1, keepdims=True) - chance).mean()
    regrets = play(BANDITS[name](clusters, seed), users, clusters, chance, seed)
    assert regrets[-10:].mean() < by_chance / 3


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", ["HCB", "pHCB"])
def test_people_of_different_pasts_are_told_apart(name: str, seed: int) -> None:
    clusters, users, chance = world(seed)
    regrets = play(BANDITS[name](clusters, seed), users, clusters, chance, seed)
    best_for_all = (chance.max(axis=1)[:, None] - chance).mean(axis=0).min()
    assert regrets[-10:].mean() < best_for_all - 0.1  # no single cluster for everybody does as well


def test_a_network_fitted_to_the_log_knows_who_likes_what_from_the_start() -> None:
    clusters, users, chance = world(0)
    rng = np.random.default_rng(0)
    rows = np.repeat(np.arange(N_USERS), N_CLUSTERS)
    every = np.tile(np.arange(N_CLUSTERS), N_USERS)
    likes = (rng.random(len(rows)) < chance[rows, every]).astype(float)
    bandit = NeuralLinearBandit(clusters, BanditConfig(log_weight=1.0), rng)
    bandit.fit(Feedback(users[rows], every, likes))
    chosen = bandit.choose(users, np.ones(chance.shape, dtype=bool), 1)
    got = chance[np.arange(N_USERS), [one[0] for one in chosen]].mean()
    assert got > 0.5  # .8 is the best, .18 the mean; a family's other clusters give .4


@pytest.mark.parametrize("name", BANDITS)
def test_only_what_is_offered_is_chosen_and_no_cluster_twice(name: str) -> None:
    clusters, users, _ = world(0)
    offered = np.random.default_rng(0).random((N_USERS, N_CLUSTERS)) < 0.3
    offered[0] = False
    chosen = BANDITS[name](clusters, 0).choose(users, offered, 5)
    assert chosen[0] == []
    for user, picked in enumerate(chosen):
        assert len(picked) == len(set(picked)) == min(5, int(offered[user].sum()))
        assert offered[user, picked].all()


def test_a_node_shows_its_children_only_after_it_was_liked() -> None:
    clusters, users, _ = world(0)
    config = BanditConfig(width=0)  # what is expected, not what might be
    bandit = ProgressiveBandit(tree(clusters), config, np.random.default_rng(0))
    everything = np.ones((N_USERS, N_CLUSTERS), dtype=bool)
    liked = Feedback(users[:5], np.full(5, 5), np.ones(5))
    bandit.learn(liked)
    firsts = [picked[0] for picked in bandit.choose(users, everything, 1)]
    assert set(FAMILY[firsts]) == {1}
    assert len(set(firsts)) == 4  # drawn: the family does not show its clusters yet
    for _ in range(3):
        bandit.learn(liked)
    firsts = [picked[0] for picked in bandit.choose(users, everything, 1)]
    assert firsts == [5] * N_USERS


@given(st.integers(0, 2**31), st.integers(1, 6), st.integers(0, 30))
def test_the_posterior_is_ridge_regression(seed: int, n_features: int, n_examples: int) -> None:
    rng = np.random.default_rng(seed)
    features, rewards = rng.normal(size=(n_examples, n_features)), rng.normal(size=n_examples)
    posterior = LinearPosterior(n_features, 2.0)
    for row, reward in zip(features, rewards, strict=True):
        posterior.learn(row[None], np.array([reward]))
    precision = features.T @ features + 2 * np.eye(n_features)
    assert np.allclose(posterior.mean, np.linalg.solve(precision, features.T @ rewards))
    probe = rng.normal(size=(3, 2, n_features))
    width = np.sqrt(np.einsum("abf,fg,abg->ab", probe, np.linalg.inv(precision), probe))
    assert np.allclose(posterior.deviate(probe), width)


def test_draws_have_the_posterior_s_mean_and_spread() -> None:
    posterior = LinearPosterior(2, 1.0)
    posterior.learn(np.array([[1.0, 0.5]] * 8), np.ones(8))
    draws = posterior.sample(20_000, 0.5, np.random.default_rng(0))
    covariance = 0.25 * np.linalg.inv(np.eye(2) + 8 * np.outer([1, 0.5], [1, 0.5]))
    assert np.allclose(draws.mean(axis=0), posterior.mean, atol=0.02)
    assert np.allclose(np.cov(draws.T), covariance, atol=0.02)


def test_the_log_gives_every_taken_cluster_and_others_that_were_open() -> None:
    clusters = np.eye(6)
    cases = PlannerCases(
        ("a", "b"), [[0], [1, 2]], [[0, 5], [1, 2]], [frozenset({3}), frozenset({0, 4})]
    )
    log = feedback_of_cases(cases, clusters, 2, np.random.default_rng(0))
    taken = log.rewards == 1
    assert log.clusters[taken].tolist() == [3, 0, 4]
    assert set(log.clusters[:3][~taken[:3]]) <= {1, 2, 4}
    assert set(log.clusters[3:][~taken[3:]]) <= {3, 5}
    assert np.array_equal(log.users[-1], [0, 0.5, 0.5, 0, 0, 0])


def test_clusters_of_like_items_have_like_vectors() -> None:
    items = np.array([[1.0, 0, 0], [1, 0.1, 0], [0, 1, 0], [0, 1, 0.1], [0.9, 0, 0.1]])
    vectors = cluster_vectors(items, np.array([0, 0, 1, 1, 2]), 3, 2)
    assert vectors.shape == (3, 2)
    assert np.isclose((vectors**2).mean(), 1)
    assert np.linalg.norm(vectors[0] - vectors[2]) < np.linalg.norm(vectors[0] - vectors[1])
    assert np.array_equal(user_vectors([[]], vectors), np.zeros((1, 2)))
