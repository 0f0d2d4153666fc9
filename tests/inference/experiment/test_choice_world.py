"""The multinomial logit law has known choice probabilities; the crowd has its topics."""

from __future__ import annotations

import numpy as np
from scipy.special import logit, softmax

from inference.experiment.environment import Shown
from inference.experiment.random_streams import draw_uniform
from inference.experiment.worlds.choice import (
    CHOICES,
    CROWD_APPEAL,
    as_choice_world,
    multinomial_logit,
)
from tests.worlds.experiment import WANTED, make_environment

APPEAL = np.array([0.2, 0.5, 0.4, 0.1])
N_USERS = 20_000


def choose(appeal: np.ndarray, n_users: int) -> np.ndarray:
    """Return what each user consumes of one and the same list, [U, items]."""
    users = np.repeat(np.arange(n_users), len(appeal))
    items = np.tile(np.arange(len(appeal)), n_users)
    shown = Shown(users, items, items)
    taken = multinomial_logit(
        np.tile(appeal, n_users),
        np.ones(len(users)),
        shown,
        lambda stream: draw_uniform(0, stream, users, items, 0),
    )
    return taken.reshape(n_users, len(appeal))


def test_one_item_is_taken_by_the_logistic_law() -> None:
    """Of a list of one, the law says exp(u) / (1 + exp(u)): the appeal itself."""
    for appeal in APPEAL:
        # a share of 20,000: a deviation of .0035
        assert abs(choose(np.array([appeal]), N_USERS).mean() - appeal) < 0.018


def test_who_takes_one_thing_alone_takes_it_by_the_law_of_successive_choices() -> None:
    utilities = np.append(logit(APPEAL), 0.0)
    first = softmax(utilities)  # the last is that of no item
    taken = choose(APPEAL, N_USERS)
    assert abs((~taken.any(axis=1)).mean() - first[-1]) < 0.018
    alone = taken & (taken.sum(axis=1, keepdims=True) == 1)
    for item in range(len(APPEAL)):
        then_nothing = softmax(np.delete(utilities, item))[-1]
        assert abs(alone[:, item].mean() - first[item] * then_nothing) < 0.018


def test_nobody_takes_more_than_the_most() -> None:
    taken = choose(np.full(10, 0.99), 500)
    assert taken.sum(axis=1).max() == CHOICES


def test_some_topics_please_everybody_and_interests_stay() -> None:
    environment = make_environment(4)
    crowded = as_choice_world(environment, np.array([0.0, 0, 0, 0, 9, 1]))
    assert (crowded.affinity[:, 4] == CROWD_APPEAL).all()
    assert (crowded.affinity[:, [0, 1, WANTED]] == 0.9).all()
    assert (crowded.affinity[:, [3, 5]] == 0).all()
