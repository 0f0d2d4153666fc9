"""Settings of the synthetic world, frozen by default: see docs/research/synthetic-world.md."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import Field, field_validator

from training.config import Config


class SyntheticConfig(Config):
    """How large the synthetic world is, and how hard it is to see through.

    Whoever changes anything below ``start`` makes another world, whose difficulty has to be
    measured anew.

    Attributes:
        n_users: of the world.
        n_items: of the catalogue, spread over the topics.
        mean_events_per_user: interactions of a user in the mean.
        days: that the log covers.
        start: the first moment, an ISO time.
        discovery_share: of a user's events, those that open the next latent interest.
        noise_share: of a user's events, those outside the interests.
        max_first_interests: that a user starts with at most.
        min_interests: latent interests of a user at least.
        max_interests: latent interests of a user at most.
        partners_in_group: topics of the same group that a topic leads to.
        partners_across: topics of other groups that a topic leads to.
        floor: attraction of a topic without any partner touched.
        popularity_spread: standard deviation of the topics' log popularity.
        item_skew: Zipf exponent of the items of a topic.
        item_drift: weekly step of an item's log popularity.
    """

    n_users: int = Field(default=4000, ge=1)
    n_items: int = Field(default=3200, ge=1)
    mean_events_per_user: float = Field(default=28.0, gt=4)
    days: int = Field(default=180, ge=14)
    start: str = "2024-01-01T00:00:00+00:00"

    discovery_share: float = Field(default=0.28, ge=0, le=1)
    noise_share: float = Field(default=0.08, ge=0, le=1)
    max_first_interests: int = Field(default=3, ge=1)
    min_interests: int = Field(default=8, ge=1)
    max_interests: int = Field(default=18, ge=1)
    partners_in_group: int = Field(default=1, ge=0)
    partners_across: int = Field(default=2, ge=0)
    floor: float = Field(default=0.03, gt=0)
    popularity_spread: float = Field(default=0.1, ge=0)
    item_skew: float = Field(default=0.8, ge=0)
    item_drift: float = Field(default=0.25, ge=0)

    @field_validator("start")
    @classmethod
    def _start_is_a_time(cls, value: str) -> str:
        datetime.fromisoformat(value)
        return value

    @property
    def start_time(self) -> datetime:
        """The world's first moment, UTC; a time without a zone is read as UTC."""
        time = datetime.fromisoformat(self.start)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
