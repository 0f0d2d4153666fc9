"""Settings of the served plan."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from training.config import Config


class Mix(Config):
    """What part of the planned places goes to each distance, as weights; one of them is above 0."""

    adjacent: float = Field(ge=0)
    new_family: float = Field(ge=0)
    new_field: float = Field(ge=0)

    @model_validator(mode="after")
    def _check_sum(self) -> Self:
        if self.adjacent + self.new_family + self.new_field <= 0:
            raise ValueError("a mix gives some distance a place")
        return self


class PlanConfig(Config):
    """How the table's rows of one user are combined into the served plan.

    Attributes:
        combination: ``mean`` adds up log-probabilities (a cluster must suit all contexts),
            ``mixture`` adds up probabilities (it is enough to suit some).
        recency: weight of each context, as a power of how old it is: the context
            at positions i and j of the history (0 the newest) weighs ``recency ** (i + j - 1)``.
        max_history: newest history clusters that take part; 8 give 28 rows to look up.
        best_of: first clusters of the plan that the alignment puts in the order that suits the
            user's whole past; 1 leaves the plan as the rows give it.
    """

    combination: Literal["mean", "mixture"] = "mixture"
    recency: float = Field(default=0.9, gt=0, le=1)
    max_history: int = Field(default=8, ge=2, le=16)
    best_of: int = Field(default=20, ge=1)
