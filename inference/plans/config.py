"""Settings of the served plan."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from training.config import Config


class PlanConfig(Config):
    """How the table's rows of one user are combined into the served plan.

    Attributes:
        combination: ``mean`` adds up log-probabilities (a cluster must suit all pairs),
            ``mixture`` adds up probabilities (it is enough to suit some).
        recency: weight of each pair of history clusters, as a power of how old it is: the pair
            at positions i and j of the history (0 the newest) weighs ``recency ** (i + j - 1)``.
        max_history: newest history clusters that take part; 8 give 28 rows to look up.
        best_of: first clusters of the plan that the alignment puts in the order that suits the
            user's whole past; 1 leaves the plan as the rows give it.
    """

    combination: Literal["mean", "mixture"] = "mixture"
    recency: float = Field(default=0.9, gt=0, le=1)
    max_history: int = Field(default=8, ge=2, le=16)
    best_of: int = Field(default=20, ge=1)
