"""The laws of the world: how popular topics are, and which topic leads to which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from pipelines.sources.synthetic.catalogue import Topic
from pipelines.sources.synthetic.config import SyntheticConfig

PARTNER_STRENGTHS = (1.0, 0.5)
"""Of the strongest and the weakest partner of a topic. Part of the frozen world
(docs/research/synthetic-world.md): another value makes another world, to be measured anew."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Mechanism:
    """What draws a user's next interest.

    Attributes:
        popularity: [n_topics], mean 1.
        co_interest: [n_topics, n_topics], row = touched topic, column = topic it leads to;
            sparse, zero on the diagonal.
        floor: attraction of a topic that none of the touched ones leads to.
    """

    popularity: Floats
    co_interest: Floats
    floor: float

    @property
    def n_topics(self) -> int:
        """How many leaf topics there are."""
        return len(self.popularity)

    def attraction(self, touched: NDArray[np.bool_]) -> Floats:
        """Return the weight with which each topic is the next new interest.

        ``popularity[t] * (floor + sum over touched s of co_interest[s, t])``, 0 for touched ones.

        Args:
            touched: [n_users, n_topics], the interests so far.

        Returns:
            [n_users, n_topics], not normalised.
        """
        weights = self.popularity * (self.floor + touched @ self.co_interest)
        return np.where(touched, 0.0, weights)


def draw_mechanism(
    topics: tuple[Topic, ...], config: SyntheticConfig, rng: np.random.Generator
) -> Mechanism:
    """Draw popularity and co-interest.

    Partners are dealt by permutations, each of one strength, so that every topic is led to as
    strongly as any other: what is likely next depends on the person far more than on the topic.
    """
    n_topics = len(topics)
    popularity = np.exp(rng.normal(0, config.popularity_spread, n_topics))
    domains = np.array([topic.domain_index for topic in topics])
    groups = np.array([topic.group_index for topic in topics])
    same_group = groups[:, None] == groups[None, :]
    across = domains[:, None] != domains[None, :]
    co_interest = np.zeros((n_topics, n_topics))
    rounds = [same_group] * config.partners_in_group + [across] * config.partners_across
    strengths = rng.permutation(np.linspace(*PARTNER_STRENGTHS, max(len(rounds), 1)))
    for allowed, strength in zip(rounds, strengths, strict=False):
        free = allowed & (co_interest == 0) & ~np.eye(n_topics, dtype=bool)
        sources, targets = _deal_partners(free, rng)
        co_interest[sources, targets] = strength
    return Mechanism(popularity / popularity.mean(), co_interest, config.floor)


def _deal_partners(allowed: NDArray[np.bool_], rng: np.random.Generator) -> tuple[Integers, ...]:
    """Return one partner per topic, no partner dealt twice: a random matching on ``allowed``.

    A topic without an allowed partner left (a group of one) is passed over.
    """
    costs = np.where(allowed, rng.random(allowed.shape), len(allowed) + 1.0)
    sources, targets = linear_sum_assignment(costs)
    dealt = allowed[sources, targets]
    return sources[dealt], targets[dealt]
