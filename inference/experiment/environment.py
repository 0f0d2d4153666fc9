"""The simulated users: what they consume of a list, and how they like it, from a known truth.

All arms use common random numbers: they depend on seed, user, round and item alone, so that two
arms that show the same item get the same answer, and differ by what they show only.

Shapes: U users, T topics, S items shown in one round to all users together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from scipy.special import ndtri

from inference.experiment.config import ExperimentConfig
from inference.experiment.random_streams import (
    CONSUME,
    EXAMINE,
    NOISE,
    Flags,
    Floats,
    Integers,
    draw_uniform,
)

DORMANT = 0.3
"""Of an interest's affinity before the interest has emerged: about that of no interest at all."""


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


class ChoiceLaw(Protocol):
    """Decides what is consumed of what was shown."""

    def __call__(
        self, appeal: Floats, attention: Floats, shown: Shown, draw: Callable[[int], Floats]
    ) -> Flags:
        """Return whether each item was consumed, [S].

        Args:
            appeal: [S], how each item appeals to its user, 0 to 1.
            attention: [S], how likely its position is looked at.
            shown: who was shown what.
            draw: uniform numbers of a stream, [S].
        """
        ...


def each_by_itself(
    appeal: Floats, attention: Floats, shown: Shown, draw: Callable[[int], Floats]
) -> Flags:
    """Examine an item by its position, then consume it with its appeal as probability."""
    return np.asarray((draw(EXAMINE) < attention) & (draw(CONSUME) < appeal))


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
        choice: how what appeals to a user becomes what the user consumes.
        emerges: [U, T], the round from which an interest is felt; ``None``: all from the start.
        arrives: [n_items], the round from which an item can be shown; ``None``: all at once.
    """

    affinity: Floats
    is_untouched: Flags
    item_ids: tuple[str, ...]
    topic_of_item: Integers
    feedback_law: Callable[[Floats, Floats], Floats]
    positive_threshold: float
    choice: ChoiceLaw = each_by_itself
    emerges: Integers | None = None
    arrives: Integers | None = None

    @property
    def n_users(self) -> int:
        """How many participants there are."""
        return len(self.affinity)

    @cached_property
    def index_of(self) -> dict[str, int]:
        """The index of each item in the catalogue."""
        return {item: index for index, item in enumerate(self.item_ids)}

    def not_yet_arrived(self, round_number: int) -> frozenset[str]:
        """Return the items that cannot be shown in this round."""
        if self.arrives is None:
            return frozenset()
        waiting = np.flatnonzero(self.arrives > round_number)
        return frozenset(self.item_ids[item] for item in waiting)


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

    What is consumed follows the environment's law of choice, by an item's position and the user's
    affinity for its topic; affinity is lowered by tiredness, in consumption and in feedback alike.

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
    if environment.emerges is not None:
        is_dormant = environment.emerges[users, topics] > round_number
        fresh = np.where(is_dormant, DORMANT * fresh, fresh)
    appeal = fresh * np.exp(-config.tiring * tiredness[users, topics])  # [S]
    attention = np.power(np.float64(config.position_decay), shown.positions)  # [S]

    def draw(stream: int) -> Floats:
        return draw_uniform(seed, stream, users, items, round_number)

    is_consumed = environment.choice(appeal, attention, shown, draw)
    feedback = np.where(is_consumed, environment.feedback_law(appeal, ndtri(draw(NOISE))), 0.0)
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
