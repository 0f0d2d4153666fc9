"""What is asked: of whom it is known by what, how long the list is, what may stand in it."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from inference.plans.config import ByScore, Mix
from inference.serving.exploration.arms import DEFAULT_ARM
from inference.serving.exploration.config import ExplorationPolicy
from training.clusters.distance import Distance

SEED_BITS = 53
"""A seed is a whole number that JavaScript keeps exactly."""


@dataclass(frozen=True)
class ItemFilter:
    """Which items may stand in a list.

    Attributes:
        exclude: items that may not, beside what the person has consumed.
        clusters: interests that all items are of; empty, any.
        category: a path from broad to narrow that all items' categories begin with; empty, any.
    """

    exclude: AbstractSet[str] = frozenset()
    clusters: AbstractSet[int] = frozenset()
    category: tuple[str, ...] = ()


@dataclass(frozen=True)
class RecommendationRequest:
    """Whom to recommend to, how many items, what share of them is to be novel, and how far.

    ``novelty`` and ``mix`` are those of the release's plan where they are ``None``.
    """

    user_id: str | None
    count: int
    exploration_share: float
    planned_clusters: int
    novelty: Distance | None = None
    mix: Mix | ByScore | None = None
    seed: int | None = None
    """Repeats what chance decided; without one, each answer differs."""
    policy: ExplorationPolicy = field(default_factory=ExplorationPolicy)
    session: tuple[str, ...] = ()
    """Items liked in a session, newest first, where no user is named."""
    interests: tuple[int, ...] = ()
    """Clusters that somebody of whom nothing else is known is interested in."""
    wanted: ItemFilter = field(default_factory=ItemFilter)
    share_is_default: bool = False
    """The share was not asked for: one that the person chose stands in its place."""
    counts_as_shown: bool = True
    """The person sees the answer: a planned interest shown often enough rests."""
    arm: str = DEFAULT_ARM
    """Of the experiment, that the person is in."""
