"""People leave, tastes drift and new things arrive as often as the settings say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inference.experiment.change import drift, stay, with_arrivals
from inference.experiment.config import ArmName, ExperimentConfig
from inference.experiment.environment import Shown, respond
from inference.experiment.participants import Participant
from inference.experiment.simulate import Arm, run_arm
from inference.serving.exploration.config import ExplorationPolicy
from tests.worlds.experiment import (
    CLUSTER_OF_ITEM,
    ITEMS_PER_CLUSTER,
    WANTED,
    make_environment,
    make_participants,
    make_system,
)
from training.recommender.protocol import Recommender


def test_every_like_divides_the_chance_to_leave_by_e() -> None:
    config = ExperimentConfig(leaving=0.5)
    n = 20_000
    likes = np.repeat([0.0, 1.0], n // 2)
    left = ~stay(config, np.ones(n, dtype=bool), likes, 3, seed=0)
    # shares of 10,000: deviations below .005
    assert abs(left[: n // 2].mean() - 0.5) < 0.025
    assert abs(left[n // 2 :].mean() - 0.5 / np.e) < 0.025
    assert not stay(config, np.zeros(3, dtype=bool), np.ones(3), 0, seed=0).any()  # gone is gone


def test_affinities_walk_by_the_step_that_is_set() -> None:
    environment = make_environment(4000)
    moved = drift(environment, ExperimentConfig(drift=0.02), 0, seed=0)
    steps = moved.affinity[:, 0] - environment.affinity[:, 0]
    assert abs(steps.std() - 0.02) < 0.002  # of 4,000, a deviation of .0002
    assert (moved.affinity >= 0).all()
    assert (moved.affinity <= 1).all()
    assert drift(environment, ExperimentConfig(), 0, seed=0) is environment


def test_an_interest_is_felt_from_the_round_in_which_it_emerges() -> None:
    environment = make_environment(2000)
    config = ExperimentConfig(rounds=5, emerging=1.0, tiring=0, position_decay=1)
    late = with_arrivals(environment, config, seed=0)
    assert late.emerges is not None
    assert set(late.emerges[:, WANTED]) == {1, 2, 3, 4}
    assert not np.delete(late.emerges, WANTED, axis=1).any()  # what is known is felt already
    users = np.arange(2000)
    shown = Shown(users, np.full(2000, WANTED * ITEMS_PER_CLUSTER), np.zeros(2000, np.int64))
    nothing = np.zeros_like(environment.affinity)
    early, then = (respond(late, config, nothing, shown, n, 0).is_consumed for n in (0, 4))
    # .3 x .9 before, .9 once it is felt; shares of 2,000: deviations of .01
    assert abs(early.mean() - 0.27) < 0.05
    assert abs(then.mean() - 0.9) < 0.05


def test_an_item_is_shown_from_the_round_in_which_it_arrives_and_nobody_after_leaving() -> None:
    config = ExperimentConfig(rounds=4, arriving=0.5, leaving=0.9, planned_clusters=2)
    environment = with_arrivals(make_environment(30), config, seed=1)
    system = make_system()
    arm = Arm(ArmName.PLANNER, system.planner(), system.recommender, CLUSTER_OF_ITEM)
    log = run_arm(arm, make_participants(30), environment, config, ExplorationPolicy(), 0)
    assert environment.arrives is not None
    arrived = environment.arrives[log["item"].to_numpy()]
    assert (arrived <= log["round"].to_numpy()).all()
    assert (arrived > 0).any()
    rounds = {user: sorted(set(rows["round"])) for (user,), rows in log.group_by("user")}
    assert all(seen == list(range(len(seen))) for seen in rounds.values())
    assert min(map(len, rounds.values())) < 4


def test_a_recommender_is_retrained_on_what_its_own_arm_has_seen() -> None:
    seen = []

    def retrain(
        recommender: Recommender, participants: Sequence[Participant], number: int
    ) -> Recommender:
        seen.append((number, sum(len(user.recent_items) for user in participants)))
        return recommender

    config = ExperimentConfig(rounds=3)
    system = make_system()
    arm = Arm(ArmName.CONTROL, None, system.recommender, CLUSTER_OF_ITEM, retrain)
    log = run_arm(arm, make_participants(5), make_environment(5), config, ExplorationPolicy(), 0)
    liked = [log.filter(log["round"] <= number)["is_positive"].sum() for number in (0, 1)]
    assert seen == [(0, 10 + liked[0]), (1, 10 + liked[1])]  # two items each, known before
