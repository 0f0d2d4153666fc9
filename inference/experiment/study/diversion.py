"""Halves of users and items that never meet: what one arm gives to the corpus stays its own.

Source: Su et al., "Long-Term Value of Exploration" (arXiv 2305.07764): users are split and so is
the corpus, each half of the users sees its half of the items only. Without it an item that
exploration has found is shown in the control too, and the difference vanishes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from inference.experiment.environment import Environment
from inference.experiment.random_streams import DIVERT, draw_uniform

T = TypeVar("T")


def half_of_users(users: Sequence[T], half: int) -> list[T]:
    """Return every second user: from the first for half 0, from the second for half 1."""
    return list(users[half::2])


def divert(environment: Environment, half: int, rounds: int, seed: int) -> Environment:
    """Return the environment in which the items of the other half never arrive.

    Args:
        environment: over all items.
        half: 0 or 1.
        rounds: of the experiment.
        seed: of the halves; both are of the same draw.
    """
    items = np.arange(len(environment.item_ids))
    is_second = draw_uniform(seed, DIVERT, items, items, 0) >= 0.5
    arrives = np.zeros(len(items), np.int64) if environment.arrives is None else environment.arrives
    return replace(environment, arrives=np.where(is_second == bool(half), arrives, rounds))
