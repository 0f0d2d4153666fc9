"""Settings of the novel-cluster table and of the served plan."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from training.config import Config


class TableConfig(Config):
    """How the table is computed.

    Attributes:
        depth: places a row keeps where there are more than ``whole_up_to`` clusters; a heavy
            user has consumed most of a short ranking.
        whole_up_to: number of clusters up to which every row is the whole ranking.
        score_step: scores are rounded to multiples of this before ranking; equal ones stand in
            ascending cluster id. Larger than the last bits of float32, so that the ranking does
            not depend on them.
        batch_rows: prompts that share one forward pass. Part of the result's last bits.
        tokens_at_once: tokens that one forward pass may hold, prompt and descriptions together;
            descriptions beyond that are scored in further passes.
    """

    depth: int = Field(50, ge=1)
    whole_up_to: int = Field(128, ge=1)
    score_step: float = Field(1e-4, gt=0)
    batch_rows: int = Field(32, ge=1)
    tokens_at_once: int = Field(32_768, ge=1)


class PlanConfig(Config):
    """How the table's rows of one user are combined into the served plan.

    Attributes:
        combination: ``mean`` adds up log-probabilities (a cluster must suit all pairs),
            ``mixture`` adds up probabilities (it is enough to suit some).
        recency: weight of each pair of history clusters, as a power of how old it is: the pair
            at places i and j of the history (0 the newest) weighs ``recency ** (i + j - 1)``.
        max_history: newest history clusters that take part; 8 give 28 rows to look up.
    """

    combination: Literal["mean", "mixture"] = "mean"
    recency: float = Field(0.8, gt=0, le=1)
    max_history: int = Field(8, ge=2, le=16)
