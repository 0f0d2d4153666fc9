"""The users of the world: their latent interests, and what they did in the data's time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.sources.synthetic.config import SyntheticConfig
from pipelines.sources.synthetic.mechanism import Mechanism
from pipelines.sources.synthetic.shelf import Shelf

MIN_EVENTS = 4
"""Of a user. Part of the frozen world (docs/research/synthetic-world.md): another value makes
another world, to be measured anew."""
ACTIVITY_SHAPE = 2.0
"""Of the gamma distribution of events per user: many have few. Frozen like the above."""
SECONDS_PER_DAY = 86_400
CHURN_SHARE = 0.2
"""Of the users leave before the end. Frozen."""
INTEREST_AFFINITY = (0.65, 1.0)
"""Between which the liking of an interest is drawn. Frozen."""
BACKGROUND_AFFINITY = (0.0, 0.45)
"""The same of any other topic: below, so that noise is seldom liked. Frozen."""
FEEDBACK_NOISE = 0.6
"""Standard deviation, in stars. Frozen."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
NOBODY = -1
"""Pads the interests of users who have fewer than the others."""


@dataclass(frozen=True)
class People:
    """What some users are like inside.

    Attributes:
        interests: [n_users, max_interests], topics in the order they are opened, padded with
            ``NOBODY``.
        n_interests: [n_users]
        n_first: [n_users], how many are open from the first day.
        affinity: [n_users, n_topics], 0..1: liking of every topic.
    """

    interests: Integers
    n_interests: Integers
    n_first: Integers
    affinity: Floats


@dataclass(frozen=True)
class Events:
    """What these users did, one entry per event, ordered by user, then time.

    Attributes:
        users: index of the user within the chunk.
        seconds: time since the world's start.
        items: row on the shelf.
        feedback: 1..5 in halves.
        n_opened: [n_users], how many of a user's interests the events have touched.
    """

    users: Integers
    seconds: Integers
    items: Integers
    feedback: Floats
    n_opened: Integers


def draw_people(
    n_users: int, mechanism: Mechanism, config: SyntheticConfig, rng: np.random.Generator
) -> People:
    """Draw the users' interests: the first by popularity, each further one by attraction."""
    most = min(config.max_interests, mechanism.n_topics)
    least = min(config.min_interests, most)
    n_interests = rng.integers(least, most, n_users, endpoint=True)
    n_first = np.minimum(rng.integers(1, config.max_first_interests, n_users, endpoint=True), most)
    n_interests = np.maximum(n_interests, n_first)
    interests = np.full((n_users, most), NOBODY, dtype=np.int64)
    touched = np.zeros((n_users, mechanism.n_topics), dtype=bool)
    for turn in range(most):
        is_first = (turn < n_first)[:, None]
        by_popularity = np.where(touched, 0.0, mechanism.popularity)
        weights = np.where(is_first, by_popularity, mechanism.attraction(touched))
        chosen = draw_columns(weights, rng.random(n_users))
        has_one = turn < n_interests
        interests[has_one, turn] = chosen[has_one]
        touched[has_one, chosen[has_one]] = True
    affinity = rng.uniform(*BACKGROUND_AFFINITY, touched.shape)
    liking = rng.uniform(*INTEREST_AFFINITY, touched.shape)
    return People(interests, n_interests, n_first, np.where(touched, liking, affinity))


def live(
    people: People,
    mechanism: Mechanism,
    shelf: Shelf,
    config: SyntheticConfig,
    rng: np.random.Generator,
) -> Events:
    """Let the users act through the data's time.

    Every event opens the next latent interest, repeats an open one (the better liked, the more
    often) or is noise: any topic, by popularity.
    """
    n_users = len(people.n_interests)
    counts = _draw_activity(n_users, config, rng)
    users = np.repeat(np.arange(n_users), counts)  # [n_events]
    seconds = _draw_times(users, n_users, config, rng)
    order = np.arange(len(users)) - np.repeat(np.cumsum(counts) - counts, counts)
    kind = rng.random(len(users))
    opens = kind < config.discovery_share
    is_noise = ~opens & (kind < config.discovery_share + config.noise_share)
    opens |= order < people.n_first[users]
    is_noise &= ~opens
    opened = np.minimum(_running_count(opens, counts), people.n_interests[users])
    # when nothing is left to open, an opening becomes a repeat
    is_new = opens & (np.diff(opened, prepend=0) != 0)
    is_new |= order == 0
    repeated = _draw_open_interest(people, users, opened, rng)
    slots = np.where(is_new, opened - 1, repeated)
    topics = people.interests[users, slots]
    by_popularity = np.cumsum(mechanism.popularity) / mechanism.popularity.sum()
    anything = np.minimum(
        np.searchsorted(by_popularity, rng.random(len(users)), side="right"),
        mechanism.n_topics - 1,
    )
    topics = np.where(is_noise, anything, topics)
    items = shelf.choose(topics, seconds / SECONDS_PER_DAY, rng.random(len(users)))
    feedback = feedback_of(people.affinity[users, topics], rng.normal(size=len(users)))
    last = np.cumsum(counts) - 1
    return Events(users, seconds, items, feedback, opened[last])


def feedback_of(affinity: Floats, noise: Floats) -> Floats:
    """Return the feedback, 1..5 in halves: a line in the affinity plus standard normal noise."""
    return np.clip(np.round(2 * (1.5 + 3.5 * affinity + FEEDBACK_NOISE * noise)) / 2, 1.0, 5.0)


def draw_columns(weights: Floats, luck: Floats) -> Integers:
    """Return one column per row, drawn in proportion to ``weights`` [n_rows, n_columns]."""
    cumulative = np.cumsum(weights, axis=1)
    thresholds = luck * cumulative[:, -1]
    # counting strictly: a column of weight 0 is never drawn
    columns = (cumulative <= thresholds[:, None]).sum(axis=1)
    return np.asarray(np.minimum(columns, weights.shape[1] - 1), dtype=np.int64)


def _draw_activity(n_users: int, config: SyntheticConfig, rng: np.random.Generator) -> Integers:
    mean = config.mean_events_per_user - MIN_EVENTS
    rate = rng.gamma(ACTIVITY_SHAPE, mean / ACTIVITY_SHAPE, n_users)
    return MIN_EVENTS + rng.poisson(rate)


def _draw_times(
    users: Integers, n_users: int, config: SyntheticConfig, rng: np.random.Generator
) -> Integers:
    """Return event times in seconds, ascending within a user, inside the user's active span."""
    begin = rng.uniform(0, 0.7, n_users) * (rng.random(n_users) < 0.6)
    leaves = rng.random(n_users) < CHURN_SHARE
    end = np.where(leaves, rng.uniform(begin + 0.2, 1.0), 1.0)
    moments = begin[users] + rng.random(len(users)) * (end - begin)[users]
    seconds = np.floor(moments * config.days * SECONDS_PER_DAY).astype(np.int64)
    return seconds[np.lexsort((seconds, users))]


def _running_count(flags: NDArray[np.bool_], counts: Integers) -> Integers:
    """Return how many flags stand so far within each user, this event included."""
    total = np.cumsum(flags)
    before = np.concatenate([[0], total])[np.cumsum(counts) - counts]
    return np.asarray(total - np.repeat(before, counts), dtype=np.int64)


def _draw_open_interest(
    people: People, users: Integers, opened: Integers, rng: np.random.Generator
) -> Integers:
    """Return, per event, the slot of one of the interests open by then, by affinity squared."""
    rows = np.arange(len(people.n_interests))[:, None]
    liking = np.where(people.interests >= 0, people.affinity[rows, people.interests], 0.0)
    cumulative = np.cumsum(liking**2, axis=1)[users]  # [n_events, max_interests]
    totals = cumulative[np.arange(len(users)), opened - 1]
    thresholds = rng.random(len(users)) * totals
    return np.asarray((cumulative <= thresholds[:, None]).sum(axis=1), dtype=np.int64)
