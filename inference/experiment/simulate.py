"""Runs one arm: requests, responses, and the log of everything shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl
from tqdm import tqdm

from inference.experiment.arms import Exploration
from inference.experiment.calibration import ShareCalibration
from inference.experiment.config import ArmName, ExperimentConfig
from inference.experiment.environment import Environment
from inference.experiment.participants import Participant
from inference.experiment.policies import ClusterPolicy
from inference.experiment.population import Population
from inference.serving.exploration.config import ExplorationPolicy
from training.recommender.protocol import Recommender

Retrain = Callable[[Recommender, Sequence[Participant], int], Recommender]
"""Trains a recommender on with what participants have liked by the end of a round."""


@dataclass(frozen=True)
class Arm:
    """One arm.

    Attributes:
        name: which it is.
        policy: names the novel clusters; ``None`` in the control.
        recommender: picks the items, ours or a team's own.
        cluster_of_item: the serving cluster of every item.
        retrain: trains the recommender after every round; ``None`` leaves it as it is.
        calibration: sets the exploration share anew after every round; ``None`` leaves it.
    """

    name: ArmName
    policy: ClusterPolicy | None
    recommender: Recommender
    cluster_of_item: Mapping[str, int]
    retrain: Retrain | None = None
    calibration: ShareCalibration | None = None


def run_arm(
    arm: Arm,
    participants: Sequence[Participant],
    environment: Environment,
    config: ExperimentConfig,
    exploration: ExplorationPolicy,
    seed: int,
) -> pl.DataFrame:
    """Return the log of one arm, a row per item shown, by round, user and position.

    Columns: ``round``, ``user`` (index of the participant), ``position``, ``item`` (index into the
    environment's catalogue), ``cluster``, ``topic``, ``is_exploratory``, ``probability`` (of an
    explored item to stand there, else null), ``is_novel`` (the cluster was not consumed before the
    experiment), ``is_consumed``, ``feedback`` (0 where not consumed), ``is_positive``.

    Args:
        arm: its policy starts as it is given and learns on the way.
        participants: their states at the start, in the order of the environment's users.
        environment: the truth, never shown to the arm.
        config: length and manner of the experiment.
        exploration: how the service fills explored positions.
        seed: of all random numbers; arms given the same one are paired.
    """
    people = Population(participants, environment, config, arm.cluster_of_item, seed)
    everybody = range(len(participants))
    served = Exploration(exploration, seed)
    recommender, asked = arm.recommender, config
    logs = []
    for number in tqdm(range(config.rounds), desc=f"{arm.name} arm", unit="round", disable=None):
        if arm.calibration is not None:
            asked = config.model_copy(update={"exploration_share": arm.calibration.share})
        lists = people.answer(arm.policy, recommender, everybody, asked, served)
        asking = people.states
        logs.append(people.take(lists))
        if arm.policy is not None:
            arm.policy.learn(asking, logs[-1])
        if arm.calibration is not None:
            arm.calibration.learn(logs[-1])
        if arm.retrain is not None and number + 1 < config.rounds:
            recommender = arm.retrain(recommender, people.states, number)
    return pl.concat(logs)
