"""The experiment as others plug a policy in: Gymnasium's own checks, and the same people."""

from __future__ import annotations

import warnings

import gymnasium
import numpy as np
import polars as pl
import pytest
from gymnasium.utils.env_checker import check_env

from inference.experiment.config import ArmName, ExperimentConfig
from inference.experiment.gymnasium_env import Action, InterestExplorationEnv
from inference.experiment.simulate import Arm, run_arm
from inference.serving.exploration.config import ExplorationPolicy
from tests.worlds.experiment import (
    CLUSTER_OF_ITEM,
    N_CLUSTERS,
    WANTED,
    make_environment,
    make_participants,
    make_system,
)

N_USERS = 12
CONFIG = ExperimentConfig(rounds=4, planned_clusters=3, leaving=0.5)
EXPLORATION = ExplorationPolicy(rest_after=100)  # nothing rests: a plan and its first three agree
COLD = 4  # a cluster that leaves everybody cold


def make_env(config: ExperimentConfig = CONFIG) -> InterestExplorationEnv:
    people, truth = make_participants(N_USERS), make_environment(N_USERS)
    return InterestExplorationEnv(make_system(), people, truth, config, EXPLORATION)


def name(*clusters: int) -> Action:
    """An action that names these clusters and no others."""
    rest = [N_CLUSTERS] * (CONFIG.planned_clusters - len(clusters))
    return np.array([*clusters, *rest], dtype=np.int64)


def test_it_passes_gymnasiums_own_checks() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a warning of the checker is a fault, too
        check_env(make_env(), skip_render_check=True)


def test_the_planner_through_the_interface_is_the_planners_arm() -> None:
    """The same people under the same luck: every list and response is that of the arm."""
    system, people, seed = make_system(), make_participants(N_USERS), 5
    planner = system.planner()
    arm = Arm(ArmName.PLANNER, planner, system.recommender, CLUSTER_OF_ITEM)
    log = run_arm(arm, people, make_environment(N_USERS), CONFIG, EXPLORATION, seed)
    env = make_env()
    for number, start in enumerate(people):
        env.reset(options={"participant": number, "luck": seed})
        state, lengths, over = start, 0, False
        while not over:
            (plan,) = planner.plan([state], CONFIG.planned_clusters)
            action = name(*(planned.cluster_id for planned in plan))
            _, likes, has_left, is_over, told = env.step(action)
            rows = log.filter(pl.col("user") == number, pl.col("round") == lengths)
            assert [CLUSTER_OF_ITEM[item] for item in told["item"]] == rows["cluster"].to_list()
            for column in ("cluster", "is_exploratory", "is_consumed", "is_positive"):
                assert told[column].tolist() == rows[column].to_list(), column
            np.testing.assert_array_equal(
                told["probability"], rows["probability"].fill_null(1.0).to_numpy()
            )
            assert likes == rows["is_positive"].sum()
            taken = zip(told["item"], told["is_consumed"], told["is_positive"], strict=True)
            consumed = [(item, bool(liked)) for item, took, liked in taken if took]
            state = state.after(told["item"], consumed, CLUSTER_OF_ITEM)
            lengths, over = lengths + 1, has_left or is_over
        # nobody leaves earlier or later than in the arm
        assert lengths == log.filter(pl.col("user") == number)["round"].n_unique()


def test_naming_what_is_wanted_pays_and_changes_what_is_observed() -> None:
    stays = ExperimentConfig(rounds=4, planned_clusters=3, tiring=0.0)
    likes = {}
    for cluster in (WANTED, COLD):
        env, likes[cluster] = make_env(stays), 0.0
        for participant in range(N_USERS):
            seen, told = env.reset(options={"participant": participant, "luck": 0})
            assert told == {"participant": participant}
            assert seen["history"].tolist()[:3] == [1, 0, N_CLUSTERS]
            assert seen["consumed"].tolist() == [1, 1, 0, 0, 0, 0]
            assert seen["candidates"].tolist() == [0, 0, 1, 1, 1, 1]
            for number in range(stays.rounds):
                assert seen["round"] == number
                seen, reward, has_left, is_over, told = env.step(name(cluster))
                explored = told["cluster"][told["is_exploratory"]]
                assert set(explored.tolist()) <= {cluster}
                likes[cluster] += reward
                assert not has_left
            assert is_over
            found = WANTED in seen["history"].tolist()
            assert found == bool(seen["consumed"][WANTED]) == (not seen["candidates"][WANTED])
    assert likes[WANTED] > likes[COLD] + N_USERS  # at least one like a person


def test_a_known_cluster_and_one_named_twice_are_passed_over() -> None:
    env = make_env()
    env.reset(options={"participant": 0, "luck": 0})
    *_, told = env.step(name(0, WANTED, WANTED))
    assert set(told["cluster"][told["is_exploratory"]].tolist()) == {WANTED}
    env.reset(options={"participant": 0, "luck": 0})
    *_, told = env.step(name())
    assert not told["is_exploratory"].any()


def test_episodes_drawn_by_a_seed_come_again() -> None:
    env = make_env()
    drawn = [env.reset(seed=3)[1]["participant"], *(env.reset()[1]["participant"] for _ in "abc")]
    again = [env.reset(seed=3)[1]["participant"], *(env.reset()[1]["participant"] for _ in "abc")]
    assert drawn == again
    assert len(set(drawn)) > 1


def test_what_has_no_meaning_is_refused() -> None:
    env = make_env()
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(name(WANTED))
    with pytest.raises(ValueError, match="only"):
        env.reset(options={"user": 1})
    with pytest.raises(ValueError, match="there are 12"):
        env.reset(options={"participant": N_USERS})
    env.reset(seed=0)
    with pytest.raises(ValueError, match="name 3 clusters"):
        env.step(np.array([N_CLUSTERS + 1, 0, 0]))
    with pytest.raises(ValueError, match="name 3 clusters"):
        env.step(np.array([WANTED]))
