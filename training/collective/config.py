"""Settings of the collective signal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from training.config import Config


class CollectiveConfig(Config):
    """What is counted for the collective signal, and what its weights are fitted on.

    Attributes:
        pair_window: clusters liked last that count as context of the next one in pair counts.
        pair_priors: strengths of back-off tried for pair counts, in observations.
        co_consumption_prior: strength of the back-off to popularity of who touched both, in users.
        ridge: L2 weight on the weights of the standardised evidence.
        max_transitions: validation transitions that the weights are fitted on at most.
    """

    renamed: ClassVar[Mapping[str, str]] = {"together_prior": "co_consumption_prior"}

    pair_window: int = Field(default=8, ge=2)
    pair_priors: tuple[float, ...] = Field(
        default=(10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0), min_length=1
    )
    co_consumption_prior: float = Field(default=100.0, gt=0)
    ridge: float = Field(default=1e-3, ge=0)
    max_transitions: int = Field(default=2000, ge=1)
