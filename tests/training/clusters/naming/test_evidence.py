"""What terms tell: known answers on items that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.spatial.distance import jensenshannon

from training.clusters.naming.evidence import Frequencies, diverge, find_affinity, find_gains
from training.clusters.naming.surroundings import Surroundings

# 40 items, the first ten of them the cluster. Columns: 0 and 1 all over the cluster and nowhere
# else; 2 and 3 one half of it each; 4 a third of everything else.
CLUSTER = np.arange(40) < 10
FIRST_HALF = np.arange(40) < 5
TABLE = np.stack(
    [CLUSTER, CLUSTER, FIRST_HALF, CLUSTER & ~FIRST_HALF, ~CLUSTER & (np.arange(40) % 3 == 0)],
    axis=1,
).astype(np.int64)


def surroundings(table: np.ndarray = TABLE, masses: np.ndarray | None = None) -> Surroundings:
    labels = np.where(CLUSTER, 0, 1 + np.arange(40) % 3)
    weights = np.ones(40) if masses is None else masses
    return Surroundings(sp.csr_matrix(table), labels, np.zeros(40, dtype=np.int64), weights)


def meet(level: Surroundings, n_terms: int) -> Frequencies:
    return level.count_together(level.sum_pairs(0, np.arange(n_terms)))


@pytest.mark.parametrize("seed", range(5))
def test_divergence_equals_scipy(seed: int) -> None:
    first, second = np.random.default_rng(seed).dirichlet(np.ones(4), size=2)
    assert diverge(first, second) == pytest.approx(jensenshannon(first, second, base=2) ** 2)


def test_terms_are_ranked_by_how_well_they_tell_the_cluster_from_others() -> None:
    terms, information, shares = surroundings().rank_terms(0, 10)
    assert terms.tolist() == [0, 1, 2, 3]
    assert information[0] == information[1] > information[2] == information[3] > 0
    assert shares[0] > 0.8
    assert shares[2] == pytest.approx(shares[0] / 2)
    assert surroundings().rank_terms(0, 2)[0].tolist() == [0, 1]


def test_a_word_for_the_same_adds_nothing_and_one_for_the_other_half_does() -> None:
    gains = find_gains(meet(surroundings(), 4))
    assert gains[0, 1] == pytest.approx(0, abs=0.03)
    assert gains[2, 3] > 0.2
    assert gains[2, 0] > gains[0, 2]


def test_a_term_that_speaks_against_the_cluster_once_another_is_known_adds_nothing() -> None:
    # Everybody around has both or none; the cluster has the first without the second.
    first = CLUSTER | (np.arange(40) % 2 == 0)
    table = np.stack([first, ~CLUSTER & (np.arange(40) % 2 == 0) | (np.arange(40) < 6)], axis=1)
    gains = find_gains(meet(surroundings(table.astype(np.int64)), 2))
    assert gains[0, 1] == 0


def test_affinity_is_the_normalised_information_of_two_terms() -> None:
    affinity = find_affinity(meet(surroundings(), 5))
    assert affinity[0, 1] > 0.7
    assert affinity[2, 3] < -0.1
    assert affinity[2, 3] == pytest.approx(affinity[3, 2])
    assert np.all(np.abs(affinity) <= 1)


@pytest.mark.parametrize("met", [1, 3, 10])
def test_terms_met_together_in_few_items_may_never_meet_again(met: int) -> None:
    missed = 0.8**met
    always = np.full((2, 2), 0.2)
    by_chance = np.array([[0.2, 0.06], [0.06, 0.3]])
    for overall, known in ((always, 1.0), (by_chance, 0.0)):
        together = Frequencies(overall, overall, overall, np.full((2, 2), met))
        expected = (1 - missed) * known - missed
        assert find_affinity(together)[0, 1] == pytest.approx(expected)


def test_like_clusters_are_told_apart_by_what_only_one_of_them_has() -> None:
    """Three clusters of ten: all are about one thing, the first also about another."""
    labels = np.repeat([0, 1, 2], 10)
    theme, own, theirs = np.ones(30), labels == 0, labels == 1
    table = sp.csr_matrix(np.stack([theme, own, theirs], axis=1).astype(np.int64))
    level = Surroundings(table, labels, np.zeros(30, dtype=np.int64), np.ones(30))
    told = level.tell_apart(0, np.array([1, 2]), np.arange(3))
    within = 10 / 12  # two items' worth of doubt
    half = within / 2  # of the mixture with nothing
    entropy = [-p * np.log2(p) - (1 - p) * np.log2(1 - p) for p in (half, within)]
    assert told == pytest.approx([0, entropy[0] - entropy[1] / 2, 0])


def test_a_theme_is_the_narrowest_term_that_covers_the_cluster() -> None:
    """Gardens are of both families, roses of the first, pruning of half a cluster of these."""
    labels = np.repeat([0, 1, 2, 3], 10)
    families = np.repeat([0, 1], 20)
    item = np.arange(40)
    columns = (item < 40, item < 20, item < 5, item >= 5)
    table = sp.csr_matrix(np.stack(columns, axis=1).astype(np.int64))
    level = Surroundings(table, labels, families, np.ones(40))
    narrower = level.find_narrower(level.sum_pairs(0, np.arange(4)))
    assert narrower[0].tolist() == [False, True, False, False]
    assert not narrower[1:].any()


def test_what_two_of_three_items_share_by_chance_is_no_theme() -> None:
    """The same share of a cluster of thirty is one."""
    for n_items, is_theme in ((3, False), (30, True)):
        labels = np.repeat([0, 1, 2], [n_items, 30, 60])
        table = np.stack([labels < 2, labels == 0], axis=1).astype(np.int64)
        families = (labels == 2).astype(np.int64)
        level = Surroundings(sp.csr_matrix(table), labels, families, np.ones(len(labels)))
        assert level.find_narrower(level.sum_pairs(0, np.arange(2)))[0, 1] == is_theme


def test_one_item_names_a_tiny_cluster_with_terms_that_are_known_elsewhere() -> None:
    labels = np.repeat([0, 1], [2, 38])
    item = np.arange(40)
    common, odd = (item == 0) | (item >= 35), item == 1
    table = sp.csr_matrix(np.stack([common, odd], axis=1).astype(np.int64))
    level = Surroundings(table, labels, np.zeros(40, dtype=np.int64), np.ones(40))
    assert level.rank_terms(0, 2)[0].tolist() == [0]
    larger = Surroundings(table, np.repeat([0, 1], [3, 37]), labels * 0, np.ones(40))
    assert larger.rank_terms(0, 2)[0].tolist() == []


def test_siblings_count_more_than_strangers() -> None:
    """A word of the whole family says little about one of its clusters."""
    labels = np.repeat([0, 1, 2, 3], 10)
    families = np.repeat([0, 1], 20)
    family_word, own_word = families == 0, labels == 0
    table = sp.csr_matrix(np.stack([family_word, own_word], axis=1).astype(np.int64))
    level = Surroundings(table, labels, families, np.ones(40))
    alone = Surroundings(table, labels, np.zeros(40, dtype=np.int64), np.ones(40))
    assert level.rank_terms(0, 2)[0].tolist() == [1, 0]
    assert level.rank_terms(0, 2)[1][1] < alone.rank_terms(0, 2)[1][1]


def test_the_best_known_items_come_by_weight_then_by_row() -> None:
    masses = np.ones(40)
    masses[[3, 7]] = 5
    assert surroundings(masses=masses).best_known(0, 3).tolist() == [3, 7, 0]
