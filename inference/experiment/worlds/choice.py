"""The choice world: what stands in a list competes, and some topics please the crowd.

Source: the interest exploration environment of RecSim (arXiv 1909.04847): a user takes an item of
the slate by a multinomial logit law, no item being one of the choices; most topics' appeal lies
with a few people, that of some with everybody, so that greedy learning sticks to the latter.

Shapes: S items shown, U users, T topics.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.special import logit

from inference.experiment.environment import Environment, Shown
from inference.experiment.random_streams import CONSUME, OUTSIDE, Flags, Floats, Integers

CHOICES = 3
"""Items that a user takes of a list at most, one after another: about what the planted world's
users take."""
CROWD_APPEAL = 0.5
"""Of a crowd-pleasing topic, to everybody: more than no interest (at most .45), less than an
interest (at least .65)."""
CROWD_SHARE = 0.15
"""Of the topics that please the crowd: RecSim has a majority's taste beside niches."""
NICHE_FACTOR = 0.4
"""Of what is neither an interest nor pleases the crowd: niches leave others cold."""
LEAST = 1e-6
"""Appeal, so that its logit exists."""


def multinomial_logit(
    appeal: Floats, attention: Floats, shown: Shown, draw: Callable[[int], Floats]
) -> Flags:
    """Let every user choose from a list, and again from what is left, until nothing is chosen.

    The utility of an item is the logit of its appeal plus the logarithm of its attention, that of
    no item 0: the first choice is item i with probability ``exp(u_i) / (1 + sum(exp(u_j)))``. The
    Gumbel trick: the highest of utilities with Gumbel noise is drawn by that law, the next highest
    by the same law without it.
    """
    users, luck = shown.users, draw(CONSUME)
    utility = logit(np.clip(appeal, LEAST, 1 - LEAST)) + np.log(attention)
    noisy = utility - np.log(-np.log(luck))  # [S]
    _, first = np.unique(users, return_index=True)
    # One number a user: what its first row draws stands for no item.
    outside = np.full(int(users.max(initial=-1)) + 1, np.inf)
    outside[users[first]] = -np.log(-np.log(draw(OUTSIDE)[first]))
    order = np.lexsort((-noisy, users))
    starts = np.searchsorted(users[order], users[order])
    rank = np.empty(len(users), dtype=np.int64)
    rank[order] = np.arange(len(users)) - starts
    return np.asarray((noisy > outside[users]) & (rank < CHOICES))


def as_choice_world(environment: Environment, popularity: Floats) -> Environment:
    """Return the environment under this law, with the most popular topics pleasing the crowd.

    Args:
        environment: its interests stay as they are.
        popularity: of the topics, [T].
    """
    n_crowd = max(1, round(CROWD_SHARE * len(popularity)))
    crowd: Integers = np.argsort(-popularity, kind="stable")[:n_crowd]
    is_interest = environment.is_untouched | (environment.affinity > CROWD_APPEAL)
    affinity = np.where(is_interest, environment.affinity, NICHE_FACTOR * environment.affinity)
    affinity[:, crowd] = np.maximum(affinity[:, crowd], CROWD_APPEAL)
    return replace(environment, affinity=affinity, choice=multinomial_logit)
