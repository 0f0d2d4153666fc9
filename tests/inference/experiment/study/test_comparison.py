"""Intervals over seeds hold what they promise, and arms that are the same seldom differ."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from inference.experiment.arms import answer_requests
from inference.experiment.config import ArmName, ExperimentConfig
from inference.experiment.environment import Shown, respond
from inference.experiment.study.comparison import compare_seeds, interval_over_seeds
from inference.experiment.study.diversion import divert, half_of_users
from inference.experiment.study.measures import corrected_entropy, follow_run, measure_arm
from tests.worlds.experiment import (
    ITEM_IDS,
    N_CLUSTERS,
    make_environment,
    make_participants,
    make_system,
)

A_A_TESTS = 200
SEEDS_OF_A_TEST = 10
N_USERS = 20


def test_equal_arms_differ_at_five_percent_in_about_one_test_of_twenty() -> None:
    """A/A: the same lists, other luck; each test compares ten seeds with ten others."""
    environment, config = make_environment(N_USERS), ExperimentConfig()
    lists = answer_requests(None, make_system().recommender, make_participants(N_USERS), config)
    index = environment.index_of
    shown = Shown(
        np.repeat(np.arange(N_USERS), config.count),
        np.array([index[entry.item.item_id] for answer in lists for entry in answer]),
        np.tile(np.arange(config.count), N_USERS),
    )
    fresh = np.zeros_like(environment.affinity)

    def likes(seed: int) -> float:
        return float(respond(environment, config, fresh, shown, 0, seed).is_positive.mean())

    drawn = np.array([likes(seed) for seed in range(2 * A_A_TESTS * SEEDS_OF_A_TEST)])
    ours, theirs = drawn.reshape(2, A_A_TESTS, SEEDS_OF_A_TEST)
    intervals = [interval_over_seeds(differences) for differences in ours - theirs]
    rejected = np.mean([interval.low > 0 or interval.high < 0 for interval in intervals])
    assert 0.03 <= rejected <= 0.08


def test_differences_are_paired_by_seed() -> None:
    figures = compare_seeds(
        {
            ArmName.CONTROL: [{"likes": seed} for seed in (1.0, 5.0, 9.0)],
            ArmName.PLANNER: [{"likes": seed + 1} for seed in (1.0, 5.0, 9.0)],
        }
    )
    assert figures["control_likes"] == 5
    assert figures["planner_minus_control_likes"] == 1
    assert figures["planner_minus_control_likes_low"] == 1  # the seeds' own spread has gone
    assert figures["planner_likes_low"] < 1


def test_halves_of_users_and_items_never_meet() -> None:
    users = list(range(7))
    assert half_of_users(users, 0) == [0, 2, 4, 6]
    assert half_of_users(users, 1) == [1, 3, 5]
    environment = make_environment(2)
    first, second = (divert(environment, half, 10, seed=3).not_yet_arrived(9) for half in (0, 1))
    assert first.isdisjoint(second)
    assert first | second == set(ITEM_IDS)
    assert abs(len(first) - len(ITEM_IDS) / 2) < 5 * np.sqrt(len(ITEM_IDS) / 4)  # five deviations


def test_entropy_does_not_fall_with_the_number_of_events() -> None:
    rng = np.random.default_rng(0)
    true = np.log2(16)
    few = [np.bincount(rng.integers(16, size=40), minlength=16) for _ in range(400)]
    corrected = np.mean([corrected_entropy(counts) for counts in few])
    # .05 are left where some of the sixteen were not drawn; uncorrected it is .27 too low
    assert abs(corrected - true) < 0.08


def test_figures_of_a_run_made_by_hand() -> None:
    environment = make_environment(2)
    rows = [
        # round, user, item, cluster, is_exploratory, is_novel, is_consumed, is_positive
        (0, 0, 0, 0, False, False, True, True),
        (0, 1, 0, 0, False, False, True, True),
        (1, 0, 120, 2, True, True, True, False),
        (2, 0, 121, 2, True, True, True, True),
    ]
    columns = ["round", "user", "item", "cluster", "is_exploratory", "is_novel"]
    columns += ["is_consumed", "is_positive"]
    log = pl.DataFrame(rows, schema=columns, orient="row").with_columns(topic="cluster")
    figures = measure_arm(log, environment)
    assert figures["positives_per_user"] == 1.5
    assert figures["retention"] == 0.5
    assert figures["explored_share_of_shown"] == 0.5
    assert figures["discoverable_at_1"] == pytest.approx(2 / len(ITEM_IDS))
    assert figures["discoverable_at_2"] == pytest.approx(1 / len(ITEM_IDS))
    assert figures["discoverable_at_5"] == 0
    assert figures["positive_rate_of_explored"] == 0.5
    assert figures["cluster_entropy_change_bits"] == 0  # one cluster first, one last
    curve = follow_run(log, environment)
    assert curve["positives_per_user"].to_list() == [1, 1, 1.5]
    assert curve["retention"].to_list() == [1, 0.5, 0.5]
    assert curve["cluster_entropy_of_round"].max() < N_CLUSTERS
