"""A mix is one person's own: its shares move as their plan leans, their mean stays."""

from __future__ import annotations

import numpy as np
import pytest

from inference.plans.personal_mix import average_shares, personalise_mix, planned_shares
from training.clusters.distance import DISTANCES, KNOWN

ADJACENT, NEW_FAMILY, NEW_FIELD = range(len(DISTANCES))


def test_shares_are_what_the_plan_gives_each_distance() -> None:
    offered = np.array([[0.5, 0.2, 0.2, 0.1], [4.0, 1.0, 5.0, 9.0]])
    scores = np.log(offered)
    scores[1, 3] = -np.inf  # no row names it
    codes = np.array(
        [[ADJACENT, NEW_FAMILY, ADJACENT, NEW_FIELD], [KNOWN, NEW_FIELD, NEW_FAMILY, ADJACENT]],
        dtype=np.int8,
    )
    scores[1, 0] = -np.inf  # known
    shares = planned_shares(scores, codes)
    assert shares == pytest.approx(np.array([[0.7, 0.2, 0.1], [0.0, 5 / 6, 1 / 6]]))


def test_a_plan_of_nothing_has_no_shares_and_gets_the_mix_that_is_asked_for() -> None:
    nothing = planned_shares(np.full((1, 3), -np.inf), np.full((1, 3), KNOWN, dtype=np.int8))
    assert not nothing.any()
    mix = personalise_mix(np.array([1.0, 2.0, 2.0]), nothing, np.array([1 / 3] * 3))
    assert mix == pytest.approx(np.array([[0.2, 0.4, 0.4]]))


def test_who_leans_far_gets_more_places_there_and_the_mean_stays_near_the_mix() -> None:
    rng = np.random.default_rng(0)
    shares = rng.dirichlet([4.0, 6.0, 10.0], size=4000)  # people differ, none is extreme
    asked = np.array([0.25, 0.35, 0.4])
    mixes = personalise_mix(asked, shares, shares.mean(axis=0))
    assert mixes.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    # what moves are odds, so the mean of the shares is not quite the mix
    assert mixes.mean(axis=0) == pytest.approx(asked, abs=0.02)
    assert np.corrcoef(mixes[:, NEW_FIELD], shares[:, NEW_FIELD])[0, 1] > 0.9


def test_a_distance_that_a_mix_leaves_out_gets_no_place_however_somebody_leans() -> None:
    shares = np.array([[0.98, 0.01, 0.01]])
    mixes = personalise_mix(np.array([0.0, 1.0, 1.0]), shares, np.array([0.2, 0.3, 0.5]))
    assert mixes[0, ADJACENT] == 0


def test_the_average_is_over_those_who_have_a_cluster_at_the_distance() -> None:
    codes = np.array([[ADJACENT, NEW_FAMILY], [ADJACENT, NEW_FAMILY], [ADJACENT, KNOWN]])
    scores = np.log([[0.6, 0.4], [0.8, 0.2], [1.0, 1.0]])
    scores[2, 1] = -np.inf
    found = average_shares(scores, codes.astype(np.int8))
    assert found == pytest.approx((0.8, 0.3, 1 / 3))  # nobody has a new field left
