"""What terms tell: known answers on items that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.spatial.distance import jensenshannon

from training.clusters.evidence import diverge, find_affinity, find_gains
from training.clusters.surroundings import Surroundings

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
    gains = find_gains(surroundings().count_together(0, np.arange(4)))
    assert gains[0, 1] == pytest.approx(0, abs=0.03)
    assert gains[2, 3] > 0.2
    assert gains[2, 0] > gains[0, 2]


def test_a_term_that_speaks_against_the_cluster_once_another_is_known_adds_nothing() -> None:
    # Everybody around has both or none; the cluster has the first without the second.
    first = CLUSTER | (np.arange(40) % 2 == 0)
    table = np.stack([first, ~CLUSTER & (np.arange(40) % 2 == 0) | (np.arange(40) < 6)], axis=1)
    gains = find_gains(surroundings(table.astype(np.int64)).count_together(0, np.arange(2)))
    assert gains[0, 1] == 0


def test_company_is_the_normalised_information_of_two_terms() -> None:
    affinity = find_affinity(surroundings().count_together(0, np.arange(5)))
    assert affinity[0, 1] > 0.9
    assert affinity[2, 3] < -0.1
    assert affinity[2, 3] == pytest.approx(affinity[3, 2])
    assert np.all(np.abs(affinity) <= 1)


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
