"""What the service answers: lists and plans, and the words in which both are explained."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from inference.serving.exploration.blend import ListName
from training.clusters.distance import Distance
from training.clusters.tree_view import Cluster


class AnsweredBy(StrEnum):
    """Which path made the answer."""

    FULL = "full"
    """Contexts of history clusters were planned for."""
    SINGLE_CLUSTER = "single_cluster"
    """The user has one history cluster; its own row was used."""
    SESSION = "session"
    """No user was named: items of a session, or interests, stand for a history."""
    CHOSEN_INTERESTS = "chosen_interests"
    """The user has liked nothing yet, but named interests: those stand for a history."""
    NO_PLAN = "no_plan"
    """No novel cluster was left or no row was there: the ordinary list alone."""
    NO_HISTORY = "no_history"
    """The user is known but has liked nothing of the catalogue yet: popular items."""
    UNKNOWN_USER = "unknown_user"
    """The online store has no row for the user, of the batch or live: popular items."""
    STORE_UNREACHABLE = "store_unreachable"
    """The online store did not answer: popular items, or the ordinary list if it failed late."""


class Reason(StrEnum):
    """Why an item stands in a list."""

    PLANNED = "planned"
    """Its interest was planned; ``led_by`` says from what."""
    PINNED = "pinned"
    """The person pinned its interest."""
    RECOMMENDED = "recommended"
    """It follows from what the person did lately."""
    POPULAR = "popular"
    """Many like it; of the person too little is known."""


@dataclass(frozen=True)
class PlannedInterest:
    """A novel cluster of the served plan, how far it is, and what history clusters led to it.

    A pinned one leads the plan whatever it is: a known one has no distance, and nothing led to it.
    """

    cluster_id: int
    description: str
    name: str
    score: float
    distance: Distance | None
    led_by: tuple[Cluster, ...]
    is_pinned: bool = False


@dataclass(frozen=True)
class RecommendedItem:
    """One item of the answer, the list it came from, and what led to it if it is planned.

    ``is_novel``: its cluster is new to the person, from whatever list it comes. ``probability``
    is that of a planned item to stand here, given the items before it; the position itself is an
    exploratory one with the exploration share for a probability.
    ``distance`` is how far its cluster is from what the user has consumed: ``None`` where the
    cluster is among that, or where nothing is known of the user.
    """

    item_id: str
    title: str
    cluster: Cluster
    from_list: ListName
    reason: Reason
    distance: Distance | None
    is_novel: bool
    led_by: tuple[Cluster, ...]
    probability: float | None


@dataclass(frozen=True)
class PlanAnswer:
    """A person's interests and what is planned from them, made from one release only.

    ``user_id`` is ``None`` where no user was named. ``arm`` is that of the experiment which the
    person is in, ``default`` where there is none. ``missing_rows`` counts contexts of history
    clusters the plan had to do without.
    """

    user_id: str | None
    release_id: str
    arm: str
    answered_by: AnsweredBy
    history: tuple[Cluster, ...]
    planned: tuple[PlannedInterest, ...]
    missing_rows: int


@dataclass(frozen=True)
class Recommendations(PlanAnswer):
    """A plan and the list made with it.

    ``seed`` repeats the answer, while nothing else changes.
    """

    exploration_share: float
    seed: int
    items: tuple[RecommendedItem, ...]


@dataclass(frozen=True)
class RecommendationBatch:
    """An answer for each user of a request, in its order."""

    answers: tuple[Recommendations, ...]


@dataclass(frozen=True)
class ShownItem:
    """An item of a list that was shown; ``probability`` is that of an explored one."""

    item_id: str
    position: int
    list: ListName
    probability: float | None


@dataclass(frozen=True)
class Impression:
    """A list as the log of impressions keeps it.

    Attributes:
        user_id: whom it is for; ``None`` of a session.
        release_id: of the release it is from.
        arm: of the experiment.
        exploration_share: of the list.
        share_is_default: whether neither the request nor the person said it.
        at_us: when it was made, in microseconds since 1970.
        seed: repeats what chance decided.
        items: in their order.
    """

    user_id: str | None
    release_id: str
    arm: str
    exploration_share: float
    share_is_default: bool
    at_us: int
    seed: int
    items: tuple[ShownItem, ...]


def impression_of(made: Recommendations, at_us: int, share_is_default: bool) -> Impression:
    """Return what a list shows to whom, as a log keeps it that one learns from.

    Args:
        made: the list.
        at_us: when it was made, in microseconds since 1970.
        share_is_default: whether nobody asked for its exploration share.
    """
    items = tuple(
        ShownItem(item.item_id, position, item.from_list, item.probability)
        for position, item in enumerate(made.items)
    )
    return Impression(
        made.user_id,
        made.release_id,
        made.arm,
        made.exploration_share,
        share_is_default,
        at_us,
        made.seed,
        items,
    )
