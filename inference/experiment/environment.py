"""The simulated users: what they consume of a list, and how they like it, from a known truth.

All arms use common random numbers: they depend on seed, user, round and item alone, so that two
arms that show the same item get the same answer, and differ by what they show only.

Shapes: U users, T topics, S items shown in one round to all users together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from inference.experiment.config import ExperimentConfig

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

EXAMINE, CONSUME, NOISE = range(3)  # independent streams of random numbers


@dataclass(frozen=True)
class Environment:
    """What is true of the participants and the catalogue, hidden from what is under test.

    Attributes:
        affinity: [U, T], 0..1: how each user likes each topic when fresh.
        is_untouched: [U, T], interests that the user has not touched before the experiment.
        item_ids: [n_items], the catalogue.
        topic_of_item: [n_items], in the same order.
        feedback_law: maps affinities and standard normal noise to feedback.
        positive_threshold: feedback from which it is positive.
    """

    affinity: Floats
    is_untouched: Flags
    item_ids: tuple[str, ...]
    topic_of_item: Integers
    feedback_law: Callable[[Floats, Floats], Floats]
    positive_threshold: float

    @property
    def n_users(self) -> int:
        """How many participants there are."""
        return len(self.affinity)

    @cached_property
    def index_of(self) -> dict[str, int]:
        """The index of each item in the catalogue."""
        return {item: index for index, item in enumerate(self.item_ids)}


def without_undiscovered(environment: Environment, background: Floats) -> Environment:
    """Return the null world: nobody has an interest that the system does not know yet.

    Args:
        environment: as it was made.
        background: affinities for what is no interest, [U, T]; they replace those of interests
            that were not touched before the experiment.
    """
    affinity = np.where(environment.is_untouched, background, environment.affinity)
    return replace(
        environment, affinity=affinity, is_untouched=np.zeros_like(environment.is_untouched)
    )


def expected_liking(environment: Environment, clusters: Integers, n_clusters: int) -> Floats:
    """Return the mean affinity of each user for the items of each cluster, [U, N].

    Args:
        environment: the truth.
        clusters: the cluster of each item of its catalogue, [n_items].
        n_clusters: N.
    """
    n_topics = environment.affinity.shape[1]
    shares = np.zeros((n_topics, n_clusters))
    np.add.at(shares, (environment.topic_of_item, clusters), 1.0)
    shares /= np.maximum(shares.sum(axis=0), 1)
    return np.asarray(environment.affinity @ shares)


@dataclass(frozen=True)
class Shown:
    """What was shown in one round, lists of all users one after another.

    Attributes:
        users: [S], who was shown
        items: [S], what, as an index into the catalogue,
        positions: [S], and where in the list, from 0.
    """

    users: Integers
    items: Integers
    positions: Integers


@dataclass(frozen=True)
class Response:
    """What became of the items shown in one round.

    Attributes:
        is_consumed: [S]
        feedback: [S], 0 where nothing was consumed.
        is_positive: [S], false where nothing was consumed.
    """

    is_consumed: Flags
    feedback: Floats
    is_positive: Flags


def respond(
    environment: Environment,
    config: ExperimentConfig,
    tiredness: Floats,
    shown: Shown,
    round_number: int,
    seed: int,
) -> Response:
    """Return the users' responses to one list each.

    An item is examined by its position, then consumed with the user's affinity for its topic as
    probability; affinity is lowered by tiredness, in consumption and in feedback alike.

    Args:
        environment: the truth.
        config: how positions count and how users tire.
        tiredness: [U, T], topic items consumed lately.
        shown: one list per user.
        round_number: which request of the experiment this is.
        seed: of all random numbers.
    """
    users, items = shown.users, shown.items
    topics = environment.topic_of_item[items]
    fresh = environment.affinity[users, topics]
    appeal = fresh * np.exp(-config.tiring * tiredness[users, topics])  # [S]
    attention = config.position_decay**shown.positions
    is_examined = draw_uniform(seed, EXAMINE, users, items, round_number) < attention
    is_consumed = is_examined & (draw_uniform(seed, CONSUME, users, items, round_number) < appeal)
    noise = ndtri(draw_uniform(seed, NOISE, users, items, round_number))
    feedback = np.where(is_consumed, environment.feedback_law(appeal, noise), 0.0)
    return Response(
        is_consumed, feedback, is_consumed & (feedback >= environment.positive_threshold)
    )


def tire(
    environment: Environment,
    config: ExperimentConfig,
    tiredness: Floats,
    users: Integers,
    items: Integers,
) -> Floats:
    """Return the tiredness [U, T] at the next request, after these items were consumed."""
    grown = tiredness.copy()
    np.add.at(grown, (users, environment.topic_of_item[items]), 1.0)
    return grown * (1 - config.recovery)


def draw_uniform(
    seed: int, stream: int, users: Integers, items: Integers, round_number: int
) -> Floats:
    """Return numbers in (0, 1) that depend on the arguments alone, [S].

    A counter-based generator (SplitMix64; Steele, Lea and Flood, 2014) in place of a sequential
    one: each combination has its own number, however many others are drawn.
    """
    state = np.full(len(users), seed, dtype=np.uint64)
    for part in (stream, round_number, users, items):
        state = _mix(state + np.asarray(part, dtype=np.uint64))
    return (np.right_shift(state, np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = state + np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(state ^ (state >> np.uint64(31)), dtype=np.uint64)
