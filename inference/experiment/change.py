"""What changes while the experiment runs: people leave, their tastes drift, new things arrive.

Shapes: U users, T topics.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import ndtri

from inference.experiment.config import ExperimentConfig
from inference.experiment.environment import Environment
from inference.experiment.random_streams import (
    ARRIVE,
    DRIFT,
    EMERGE,
    LEAVE,
    Flags,
    Floats,
    draw_uniform,
)


def with_arrivals(environment: Environment, config: ExperimentConfig, seed: int) -> Environment:
    """Return the environment in which some undiscovered interests and items come up on the way.

    Each does so with the share set as probability, in a round drawn evenly of all but the first.
    """
    users, topics = np.indices(environment.affinity.shape).reshape(2, -1)
    items = np.arange(len(environment.item_ids))
    late = _draw_rounds(draw_uniform(seed, EMERGE, users, topics, 0), config.emerging, config)
    emerges = np.where(environment.is_untouched, late.reshape(environment.affinity.shape), 0)
    arrives = _draw_rounds(draw_uniform(seed, ARRIVE, items, items, 0), config.arriving, config)
    return replace(environment, emerges=emerges, arrives=arrives)


def drift(
    environment: Environment, config: ExperimentConfig, round_number: int, seed: int
) -> Environment:
    """Return the environment after a step of every affinity's random walk, kept within 0 and 1."""
    if not config.drift:
        return environment
    users, topics = np.indices(environment.affinity.shape).reshape(2, -1)
    step = ndtri(draw_uniform(seed, DRIFT, users, topics, round_number))
    affinity = environment.affinity + config.drift * step.reshape(environment.affinity.shape)
    return replace(environment, affinity=np.clip(affinity, 0, 1))


def stay(
    config: ExperimentConfig, is_present: Flags, likes: Floats, round_number: int, seed: int
) -> Flags:
    """Return who is still there for the next request, [U].

    Who liked k items of an answer leaves after it with probability ``leaving * exp(-k)``.

    Args:
        config: how readily people leave.
        is_present: who was there, [U].
        likes: of this round, by user, [U].
        round_number: this round.
        seed: of all random numbers.
    """
    users = np.arange(len(likes))
    drawn = draw_uniform(seed, LEAVE, users, users, round_number)
    return is_present & (drawn >= config.leaving * np.exp(-likes))


def _draw_rounds(uniform: Floats, share: float, config: ExperimentConfig) -> np.ndarray:
    """Return 0, or with that share as probability one of the later rounds, each alike."""
    later = 1 + np.floor(uniform / max(share, np.finfo(float).tiny) * (config.rounds - 1))
    return np.where(uniform < share, later, 0).astype(np.int64)
