"""Runs one arm: requests, responses, and the log of everything shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from tqdm import tqdm

from inference.experiment.arms import Exploration, answer_requests
from inference.experiment.calibration import ShareCalibration
from inference.experiment.change import drift, stay
from inference.experiment.config import ArmName, ExperimentConfig
from inference.experiment.environment import Environment, Shown, respond, tire
from inference.experiment.participants import Participant
from inference.experiment.policies import ClusterPolicy
from inference.experiment.random_streams import Flags
from inference.serving.blend import BlendedItem, ListName
from inference.serving.config import ExplorationPolicy
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
    states = list(participants)
    tiredness = np.zeros_like(environment.affinity)  # [U, T]
    is_present = np.ones(len(states), dtype=bool)
    served = Exploration(exploration, seed)
    recommender, truth = arm.recommender, environment
    logs = []
    asked = config
    for number in tqdm(range(config.rounds), desc=f"{arm.name} arm", unit="round", disable=None):
        if arm.calibration is not None:
            asked = config.model_copy(update={"exploration_share": arm.calibration.share})
        lists = _ask(
            arm.policy, recommender, states, is_present, environment, asked, served, number
        )
        log = _tabulate(number, lists, participants, environment)
        users, items, positions = (log[name].to_numpy() for name in ("user", "item", "position"))
        shown = Shown(users, items, positions)
        response = respond(truth, config, tiredness, shown, number, seed)
        logs.append(
            log.with_columns(
                is_consumed=response.is_consumed,
                feedback=response.feedback,
                is_positive=response.is_positive,
            )
        )
        if arm.policy is not None:
            arm.policy.learn(states, logs[-1])
        if arm.calibration is not None:
            arm.calibration.learn(logs[-1])
        taken = response.is_consumed
        tiredness = tire(environment, config, tiredness, users[taken], items[taken])
        states = _move_on(states, lists, logs[-1], environment, arm.cluster_of_item)
        likes = np.zeros(len(states))
        np.add.at(likes, users, response.is_positive)
        is_present = stay(config, is_present, likes, number, seed)
        truth = drift(truth, config, number, seed)
        if arm.retrain is not None and number + 1 < config.rounds:
            recommender = arm.retrain(recommender, states, number)
    return pl.concat(logs)


def _ask(
    policy: ClusterPolicy | None,
    recommender: Recommender,
    states: Sequence[Participant],
    is_present: Flags,
    environment: Environment,
    config: ExperimentConfig,
    served: Exploration,
    number: int,
) -> list[list[BlendedItem]]:
    """Return the list of everybody; nothing for those who have left, nothing not yet there."""
    missing = environment.not_yet_arrived(number)
    asking = states
    if missing:
        asking = [replace(s, excluded_items=s.excluded_items | missing) for s in states]
    # Who has left is asked for as well: what a policy draws for others must not depend on it.
    answers = answer_requests(policy, recommender, asking, config, served, number)
    return [answer if here else [] for answer, here in zip(answers, is_present, strict=True)]


def _tabulate(
    number: int,
    lists: Sequence[Sequence[BlendedItem]],
    participants: Sequence[Participant],
    environment: Environment,
) -> pl.DataFrame:
    index_of = environment.index_of
    rows = [
        (
            user,
            position,
            index_of[entry.item.item_id],
            entry.item.cluster_id,
            entry.from_list is ListName.EXPLORATORY,
            entry.probability,
            entry.item.cluster_id not in participants[user].consumed_clusters,
        )
        for user, entries in enumerate(lists)
        for position, entry in enumerate(entries)
    ]
    schema = {
        "user": pl.Int64,
        "position": pl.Int64,
        "item": pl.Int64,
        "cluster": pl.Int64,
        "is_exploratory": pl.Boolean,
        "probability": pl.Float64,
        "is_novel": pl.Boolean,
    }
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    topics = environment.topic_of_item[frame["item"].to_numpy()]
    return frame.with_columns(topic=topics, round=pl.lit(number, dtype=pl.Int64))


def _move_on(
    states: Sequence[Participant],
    lists: Sequence[Sequence[BlendedItem]],
    log: pl.DataFrame,
    environment: Environment,
    cluster_of_item: Mapping[str, int],
) -> list[Participant]:
    consumed: list[list[tuple[str, bool]]] = [[] for _ in states]
    taken = log.filter("is_consumed").select("user", "item", "is_positive")
    for user, item, is_positive in taken.iter_rows():
        consumed[user].append((environment.item_ids[item], is_positive))
    return [
        state.after([entry.item.item_id for entry in entries], events, cluster_of_item)
        for state, entries, events in zip(states, lists, consumed, strict=True)
    ]
