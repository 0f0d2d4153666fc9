"""What the service replies, as the OpenAPI document has it; a test holds the two together.

Words of a closed list are typed as that list or any other text: a newer service may know more of
them, and a list of recommendations is worth showing all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HowAnswered = (
    Literal[
        "full",
        "single_cluster",
        "session",
        "chosen_interests",
        "no_plan",
        "no_history",
        "unknown_user",
        "store_unreachable",
    ]
    | str
)
HowFar = Literal["adjacent", "new_family", "new_field"] | str
WhichList = Literal["ordinary", "exploratory"] | str
WhyThere = Literal["planned", "pinned", "recommended", "popular"] | str
EventStatus = Literal["accepted", "duplicate", "conflict", "forgotten"] | str
StoreStatus = Literal["complete", "incomplete", "unreachable"] | str


@dataclass(frozen=True)
class HealthReply:
    """The process runs."""

    status: str


@dataclass(frozen=True)
class ReadinessReply:
    """Whether the service is ready, what it serves, and why not the champion, if so."""

    ready: bool
    release_id: str | None
    version: int | None
    online_store: StoreStatus
    problem: str


@dataclass(frozen=True)
class ReleaseReply:
    """The release in service, its sizes, some users that it knows.

    ``data_until``: what it was built from ends before that time, ISO 8601.
    """

    release_id: str
    version: int
    n_users: int
    n_items: int
    n_clusters: int
    data_until: str
    example_users: tuple[str, ...]


@dataclass(frozen=True)
class Gate:
    """One rule of one guard: the figure it met, its bounds, and the reason if it did not hold."""

    guard: str
    metric: str
    figure: float | None
    minimum: float | None
    maximum: float | None
    severity: str
    passed: bool
    reason: str


@dataclass(frozen=True)
class GatesReply:
    """What the gates said of the release in service."""

    release_id: str
    gates: tuple[Gate, ...]


@dataclass(frozen=True)
class NamedCluster:
    """An interest cluster in words: as the planner writes it, and as people read it."""

    cluster_id: int
    description: str
    name: str


@dataclass(frozen=True)
class PlanEntry:
    """A planned interest, how far it lies from the person's, and what led to it."""

    cluster_id: int
    description: str
    name: str
    score: float
    distance: HowFar | None
    led_by: tuple[NamedCluster, ...]
    is_pinned: bool


@dataclass(frozen=True)
class ListedItem:
    """An item of a list, the list it is from, and why it stands there.

    ``probability`` is that of an explored item to stand in its place, given those before it.
    """

    item_id: str
    title: str
    cluster: NamedCluster
    from_list: WhichList
    reason: WhyThere
    distance: HowFar | None
    is_novel: bool
    led_by: tuple[NamedCluster, ...]
    probability: float | None


@dataclass(frozen=True)
class PlanReply:
    """A person's interests and what is planned from them."""

    user_id: str | None
    release_id: str
    arm: str
    answered_by: HowAnswered
    history: tuple[NamedCluster, ...]
    planned: tuple[PlanEntry, ...]
    missing_rows: int


@dataclass(frozen=True)
class ListReply(PlanReply):
    """A plan and the list made with it; ``seed`` repeats it while nothing else changes."""

    exploration_share: float
    seed: int
    items: tuple[ListedItem, ...]


@dataclass(frozen=True)
class ListsReply:
    """A list for each user, in the order they were asked for."""

    answers: tuple[ListReply, ...]


@dataclass(frozen=True)
class InterestsReply:
    """A person's interests, newest first, and what they chose."""

    user_id: str
    release_id: str
    history: tuple[NamedCluster, ...]
    hidden: tuple[NamedCluster, ...]
    pinned: tuple[NamedCluster, ...]
    less: tuple[NamedCluster, ...]
    chosen: tuple[NamedCluster, ...]
    exploration_share: float | None


@dataclass(frozen=True)
class ChangeReply:
    """Choices are kept; ``visible``: the next request sees them."""

    visible: bool


@dataclass(frozen=True)
class EventReceipt:
    """What became of one event."""

    event_id: str
    status: EventStatus


@dataclass(frozen=True)
class EventReply(EventReceipt):
    """What became of the event; ``visible``: the user's next request sees it."""

    visible: bool


@dataclass(frozen=True)
class EventsReply:
    """What became of the events, in their order."""

    receipts: tuple[EventReceipt, ...]
    visible: bool


@dataclass(frozen=True)
class ClusterNode:
    """A cluster of any level and its place in the tree."""

    level: int
    cluster_id: int
    parent_id: int | None
    description: str
    name: str
    n_items: int


@dataclass(frozen=True)
class TreeReply:
    """Every cluster of every level."""

    release_id: str
    serving_level: int
    nodes: tuple[ClusterNode, ...]


@dataclass(frozen=True)
class LikeCluster:
    """A cluster and the cosine of its centre with that of another."""

    cluster: NamedCluster
    similarity: float


@dataclass(frozen=True)
class SimilarReply:
    """The clusters most like one, most similar first."""

    release_id: str
    cluster: NamedCluster
    similar: tuple[LikeCluster, ...]


@dataclass(frozen=True)
class CircleOnMap:
    """Where a cluster of any level lies: within its parent's circle, but for level 0."""

    level: int
    cluster_id: int
    parent_id: int | None
    name: str
    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class ClusterMapReply:
    """The cluster tree as circles within circles, on a plane of ``width`` by ``height``."""

    release_id: str
    serving_level: int
    width: float
    height: float
    circles: tuple[CircleOnMap, ...]


@dataclass(frozen=True)
class TitledItem:
    """An item that a search found, and its interest."""

    item_id: str
    title: str
    cluster_id: int
    cluster_name: str
    n_positive: int


@dataclass(frozen=True)
class FoundItemsReply:
    """Items whose titles have some words, most liked first."""

    release_id: str
    items: tuple[TitledItem, ...]


@dataclass(frozen=True)
class FoundUsersReply:
    """Ids that begin so, of people that the release names."""

    release_id: str
    users: tuple[str, ...]


@dataclass(frozen=True)
class ItemReply:
    """What the release knows of an item."""

    item_id: str
    title: str
    category_path: tuple[str, ...]
    cluster: NamedCluster
    n_positive: int
    release_id: str


@dataclass(frozen=True)
class ItemInterestReply:
    """The interest of an item, also of one that came after the release."""

    item_id: str
    is_new: bool
    is_assigned: bool
    cluster_id: int | None
    description: str | None
    similarity: float | None
    margin: float | None
    release_id: str


@dataclass(frozen=True)
class PastItem:
    """An item of a person's past; title and cluster where the release knows it.

    ``acted_at``, ISO 8601, is known of live events alone.
    """

    item_id: str
    title: str | None
    cluster: NamedCluster | None
    is_liked: bool
    acted_at: str | None


@dataclass(frozen=True)
class ProfileReply:
    """What is known of a person, live events included."""

    user_id: str
    release_id: str
    history: tuple[NamedCluster, ...]
    consumed: tuple[NamedCluster, ...]
    recent_items: tuple[PastItem, ...]


@dataclass(frozen=True)
class FeaturesReply:
    """What the release was built to know of a person, before any live event."""

    release_id: str
    user_id: str
    history: tuple[NamedCluster, ...]
    consumed_clusters: tuple[int, ...]
    recent_items: tuple[str, ...]
    contexts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class NovelCluster:
    """A cluster of a table row and the logarithm of its probability there."""

    cluster_id: int
    description: str
    name: str
    score: float


@dataclass(frozen=True)
class TableRowReply:
    """The row of the novel-cluster table that one or two clusters have, best first."""

    release_id: str
    clusters: tuple[NamedCluster, ...]
    novel: tuple[NovelCluster, ...]
