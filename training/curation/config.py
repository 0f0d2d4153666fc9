"""Settings of histories and of curation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from training.config import Config


class HistoryConfig(Config):
    """How much of a user's past is kept, and how many interactions are worked on at a time.

    Args:
        max_clusters: newest history clusters kept; consumed clusters are always kept in full.
        max_items: newest distinct positive items kept.
        max_consumed_items: newest distinct items of any feedback kept.
        chunk_interactions: interactions in memory at once; whole users only, so one user with
            more than this makes a larger chunk.
    """

    max_clusters: int = Field(default=8, ge=2)
    max_items: int = Field(default=200, ge=1)
    max_consumed_items: int = Field(default=1000, ge=1)
    chunk_interactions: int = Field(default=500_000, ge=1)

    @model_validator(mode="after")
    def _keeps_at_least_the_liked(self) -> HistoryConfig:
        if self.max_consumed_items < self.max_items:
            raise ValueError("max_consumed_items must be at least max_items")
        return self


class CurationConfig(Config):
    """Which of the mined transitions the planner learns from, and how many cases judge it.

    Args:
        strategy: ``all`` keeps transitions as they come; ``per_target`` keeps at most
            ``per_target`` of each novel cluster; ``temperature`` flattens the distribution over
            novel clusters: cluster frequencies are raised to the power of 1 / ``temperature``.
        per_target: the cap of the strategy ``per_target`` (the source paper keeps ten).
        temperature: 1 keeps the distribution, larger is flatter.
        max_train_transitions: training transitions kept by any strategy; ``None`` for no cap.
        max_validation_transitions: the same for validation, always a plain sample.
        max_cases: evaluation cases kept per origin, a plain sample of users.
        batch_rows: rows in one historical retrieval; memory grows with it.
        chunk_interactions: interactions mined at a time, whole users only.
    """

    strategy: Literal["all", "per_target", "temperature"] = "temperature"
    per_target: int = Field(default=10, ge=1)
    temperature: float = Field(default=1.5, ge=1)
    max_train_transitions: int | None = Field(default=40_000, ge=1)
    max_validation_transitions: int | None = Field(default=4_000, ge=1)
    max_cases: int = Field(default=5_000, ge=1)
    batch_rows: int = Field(default=20_000, ge=1)
    chunk_interactions: int = Field(default=500_000, ge=1)
