"""What people open next, where it is known how far it can be told."""

from __future__ import annotations

import numpy as np
import pytest

from training.log_model.predictability import measure_predictability
from training.log_model.statistics import Log

N_CLUSTERS, N_USERS, N_EVENTS = 10, 400, 5
EVERY_CLUSTER = np.arange(N_CLUSTERS)


def make_log(chosen: list[np.ndarray]) -> Log:
    """Users who each consume one item of some clusters, in order."""
    users = np.repeat(np.arange(len(chosen)), [len(of) for of in chosen])
    return Log(users, np.concatenate(chosen), len(chosen), N_CLUSTERS)


def test_who_stays_in_one_half_of_the_clusters_is_told_by_company_alone() -> None:
    rng = np.random.default_rng(0)
    halves = (EVERY_CLUSTER[:5], EVERY_CLUSTER[5:])
    # odd and even users of both kinds: who tells must know either
    log = make_log([rng.permutation(halves[(user // 2) % 2]) for user in range(N_USERS)])
    found = measure_predictability(log, EVERY_CLUSTER)
    # Of the clusters left the own half's all come first, in an order that tells nothing: with 4, 3,
    # 2, 1 of them left among 9, 8, 7, 6 the mean of (left - 1) / 2 + 5 below others is as follows.
    expected = np.mean([(5 + (left - 1) / 2) / (left + 4) for left in (4, 3, 2, 1)])
    assert found["opened_rank_by_company"] == pytest.approx(expected, abs=0.02)
    assert found["opened_rank_by_popularity"] == pytest.approx(0.5, abs=0.05)


def test_who_opens_at_random_cannot_be_told() -> None:
    rng = np.random.default_rng(0)
    log = make_log([rng.permutation(N_CLUSTERS)[:N_EVENTS] for _ in range(N_USERS)])
    # 800 openings judged, ranks even between 0 and 1: a standard error of .01
    for name, rank in measure_predictability(log, EVERY_CLUSTER).items():
        assert rank == pytest.approx(0.5, abs=0.04), name


def test_a_figure_made_by_hand() -> None:
    # users 0 and 2 tell: 0 goes with 1 twice, with 2 once; user 1 has 0, then opens 2, then 1
    log = make_log([np.array([0, 1]), np.array([0, 2, 1]), np.array([0, 1, 2])])
    found = measure_predictability(log, np.arange(4))
    # of 1, 2 and 3 left 2 stands second; then of 1 and 3 left 1 stands first
    assert found["opened_rank_by_company"] == pytest.approx((0.5 + 1) / 2)
    assert found["opened_rank_by_popularity"] == pytest.approx((0.5 + 1) / 2)
