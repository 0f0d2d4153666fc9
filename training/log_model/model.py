"""A generative model of a log of a family that no policy uses: latent topics, types of users.

Items belong to latent topics (non-negative matrix factorisation of who consumed what), users to
types (k-means over their shares of topics). A user opens interests that people of the type have,
repeats open ones, and takes an item of the topic by its popularity.

Shapes: U users, I items, T topics, K types.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.decomposition import NMF

from training.log_model.statistics import Log

N_TOPICS = 48
"""Neither the number of the served clusters nor that of the synthetic world's topics (64)."""
N_TYPES = 24
"""Of users: enough for half a topic each, and for a hundred users a type in a log of thousands."""
SMOOTHING = 0.5
"""Users of a type that every topic has beside those counted: none is out of reach (Jeffreys)."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Habits:
    """The settings of the model that are calibrated against a log.

    Attributes:
        opening: chance of an event to open another interest.
        staying: chance of any other event to stay in the topic of the one before; below 0, the
            chance to keep away from it.
        focus: power of how often a topic was taken, in the chance of it to be taken again.
        popularity: power of an item's consumption in its chance within its topic.
    """

    opening: float = 0.3
    staying: float = 0.2
    focus: float = 1.0
    popularity: float = 1.0


@dataclass(frozen=True)
class LogModel:
    """What was fitted.

    Attributes:
        topic_of_item: [I]
        consumption: [I], events of each item.
        type_of_user: [U]
        interests_of_type: [K, T], the share of a type's people with each interest.
        events_of_user: [U], how many events each has.
        habits: how users go on.
    """

    topic_of_item: Integers
    consumption: Floats
    type_of_user: Integers
    interests_of_type: Floats
    events_of_user: Integers
    habits: Habits

    @property
    def n_topics(self) -> int:
        """T."""
        return int(self.interests_of_type.shape[1])

    def with_habits(self, **changed: float) -> LogModel:
        """Return the model with some habits changed."""
        return replace(self, habits=replace(self.habits, **changed))


def fit_log_model(log: Log, rng: np.random.Generator) -> LogModel:
    """Return the model with habits as they come; see ``calibration.py`` for those that fit.

    Args:
        log: who consumed what, in order.
        rng: starts the factorisation and the types, and places items that nobody consumed.
    """
    seed = int(rng.integers(2**31))
    consumed = sparse.csr_matrix(
        (np.ones(len(log.users)), (log.users, log.items)), shape=(log.n_users, log.n_items)
    )
    consumed.data[:] = 1.0
    n_topics = min(N_TOPICS, *consumed.shape)
    factors = NMF(n_topics, init="nndsvda", random_state=seed, max_iter=100, tol=1e-3)
    factors.fit(consumed)
    strengths = factors.components_  # [T, I]
    topic_of_item = strengths.argmax(axis=0).astype(np.int64)
    sizes = np.bincount(topic_of_item[strengths.any(axis=0)], minlength=n_topics)
    unseen = np.flatnonzero(~strengths.any(axis=0))
    topic_of_item[unseen] = rng.choice(n_topics, len(unseen), p=sizes / sizes.sum())
    taken = np.zeros((log.n_users, n_topics))
    np.add.at(taken, (log.users, topic_of_item[log.items]), 1.0)
    shares = taken / np.maximum(taken.sum(axis=1, keepdims=True), 1)
    types = KMeans(min(N_TYPES, log.n_users), n_init=3, random_state=seed).fit_predict(shares)
    interests = np.full((int(types.max()) + 1, n_topics), SMOOTHING)
    np.add.at(interests, types, taken > 0)
    interests /= np.bincount(types)[:, None] + 2 * SMOOTHING
    return LogModel(
        topic_of_item,
        np.bincount(log.items, minlength=log.n_items).astype(np.float64),
        types.astype(np.int64),
        interests,
        np.bincount(log.users, minlength=log.n_users),
        Habits(),
    )


def touched_topics(model: LogModel, log: Log) -> Floats:
    """Return how often each user of a log took each topic, [U, T]."""
    taken = np.zeros((log.n_users, model.n_topics))
    np.add.at(taken, (log.users, model.topic_of_item[log.items]), 1.0)
    return taken


def sample_log(model: LogModel, rng: np.random.Generator) -> Log:
    """Return a log drawn from the model: as many users of each type, with as many events each."""
    n_users, rows = len(model.type_of_user), np.arange(len(model.type_of_user))
    taken = np.zeros((n_users, model.n_topics))
    last = np.zeros(n_users, dtype=np.int64)
    weights = (model.consumption + SMOOTHING) ** model.habits.popularity  # [I]
    users, topics = [], []
    for step in range(int(model.events_of_user.max())):
        here = rows[model.events_of_user > step]
        topic = _next_topics(model, taken[here], last[here], here, rng)
        taken[here, topic] += 1
        last[here] = topic
        users.append(here)
        topics.append(topic)
    owner, topic = np.concatenate(users), np.concatenate(topics)
    order = np.argsort(owner, kind="stable")
    items = _draw_items(model.topic_of_item, weights, topic[order], rng)
    return Log(owner[order], items, n_users, len(weights))


def _next_topics(
    model: LogModel, taken: Floats, last: Integers, users: Integers, rng: np.random.Generator
) -> Integers:
    habits = model.habits
    is_first = taken.sum(axis=1) == 0
    opens = is_first | (rng.random(len(users)) < habits.opening)
    drawn = rng.random(len(users))
    stays = ~opens & (drawn < habits.staying)
    of_type = model.interests_of_type[model.type_of_user[users]] * (taken == 0)
    again = np.where(taken > 0, np.maximum(taken, 1) ** habits.focus, 0.0)
    avoids = (drawn < -habits.staying) & ((taken > 0).sum(axis=1) > 1)
    again[avoids, last[avoids]] = 0.0
    open_again = np.where((opens & of_type.any(axis=1))[:, None], of_type, again)
    topic = _draw_columns(open_again, rng)
    return np.where(stays, last, topic)


def _draw_columns(weights: Floats, rng: np.random.Generator) -> Integers:
    sums = np.cumsum(weights, axis=1)
    at = rng.random(len(weights)) * sums[:, -1]
    return np.asarray(np.minimum((sums <= at[:, None]).sum(axis=1), weights.shape[1] - 1))


def _draw_items(
    topic_of_item: Integers, weights: Floats, topics: Integers, rng: np.random.Generator
) -> Integers:
    """Return an item of each topic, by weight."""
    order = np.argsort(topic_of_item, kind="stable")
    sums = np.concatenate([[0.0], np.cumsum(weights[order])])
    ends = np.searchsorted(topic_of_item[order], np.arange(topic_of_item.max() + 2))
    low, high = sums[ends[topics]], sums[ends[topics + 1]]
    at = low + rng.random(len(topics)) * (high - low)
    found = np.searchsorted(sums, at, side="right") - 1
    return np.asarray(order[np.clip(found, ends[topics], ends[topics + 1] - 1)])
