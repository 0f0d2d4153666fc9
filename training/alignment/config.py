"""Settings of the user alignment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from training.config import Config


class AlignmentConfig(Config):
    """What the user model learns, and how much the planner's proposals have to heed it.

    Attributes:
        decay: of a liked cluster's recency, from one history cluster to the next newer one.
        penalties: L2 weights tried for the user model, in transitions; the one with which
            validation is likeliest is taken.
        user_weight_penalty: L2 weight, in validation cases, of the user model's weight.
    """

    renamed: ClassVar[Mapping[str, str]] = {"mix_penalty": "user_weight_penalty"}

    decay: float = Field(default=0.8, gt=0, le=1)
    penalties: tuple[float, ...] = Field(default=(10.0, 30.0, 100.0, 300.0, 1000.0), min_length=1)
    user_weight_penalty: float = Field(default=30.0, ge=0)
