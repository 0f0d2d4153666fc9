"""Every call there is: what is asked, and the type of the reply. Sends nothing.

Each may be sent again where no answer came: questions change nothing, choices replace one another,
and an event counts once by its id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal
from urllib.parse import quote

from inference.client.decode import Reply
from inference.client.replies import (
    ChangeReply,
    ClusterMapReply,
    EventReply,
    EventsReply,
    FeaturesReply,
    FoundItemsReply,
    FoundUsersReply,
    GatesReply,
    HealthReply,
    InterestsReply,
    ItemInterestReply,
    ItemReply,
    ListReply,
    ListsReply,
    PlanReply,
    ProfileReply,
    ReadinessReply,
    ReleaseReply,
    SimilarReply,
    TableRowReply,
    TreeReply,
)
from inference.client.sent import AS_SET, InterestChoice, Json, ListOptions, Query, UserEvent


@dataclass(frozen=True)
class Call(Generic[Reply]):
    """One question to the service.

    Attributes:
        method: of HTTP.
        route: path with names in braces, as the OpenAPI document has it.
        reply: type of the answer.
        named: what stands for the names of the route.
        query: of the address.
        body: sent as JSON; ``None`` for no body.
        answers: statuses whose body is a reply.
    """

    method: str
    route: str
    reply: type[Reply]
    named: Mapping[str, str] = field(default_factory=dict)
    query: Query = ()
    body: Json | None = None
    answers: frozenset[int] = frozenset({200})

    @property
    def path(self) -> str:
        """The route with its names filled in, every character of them encoded."""
        return self.route.format(**{k: quote(v, safe="") for k, v in self.named.items()})


def recommend(user_id: str, options: ListOptions = AS_SET) -> Call[ListReply]:
    """Recommend items to a user."""
    route = "/v1/users/{user_id}/recommendations"
    return Call("GET", route, ListReply, {"user_id": user_id}, options.query())


def recommend_to_several(
    user_ids: Sequence[str], options: ListOptions = AS_SET
) -> Call[ListsReply]:
    """Recommend items to up to a hundred users, each as if asked for alone."""
    body: Json = {"users": list(user_ids)}
    return Call("POST", "/v1/recommendations/batch", ListsReply, {}, options.query(), body)


def recommend_in_session(
    items: Sequence[str], interests: Sequence[int] = (), options: ListOptions = AS_SET
) -> Call[ListReply]:
    """Recommend to somebody unknown, by items liked in a session and interests they chose."""
    body: Json = {"items": list(items), "interests": list(interests)}
    return Call("POST", "/v1/recommendations/session", ListReply, {}, options.query(), body)


def plan(user_id: str, options: ListOptions = AS_SET) -> Call[PlanReply]:
    """Say which interests are planned for a user, without a list."""
    route = "/v1/users/{user_id}/plan"
    return Call("GET", route, PlanReply, {"user_id": user_id}, options.query())


def interests(user_id: str) -> Call[InterestsReply]:
    """Tell a person's interests and what they chose."""
    return Call("GET", "/v1/users/{user_id}/interests", InterestsReply, {"user_id": user_id})


def change_interests(
    user_id: str,
    changes: Sequence[InterestChoice],
    exploration_share: float | Literal["keep", "default"] = "keep",
) -> Call[ChangeReply]:
    """Hide, pin or choose interests, and set how much of a person's lists explores.

    Args:
        user_id: whose they are.
        changes: of single interests; the others stay as they are.
        exploration_share: the person's own, or the service's by default.
    """
    body: Json = {"changes": [change.json() for change in changes]}
    if exploration_share != "keep":
        body["exploration_share"] = None if exploration_share == "default" else exploration_share
    route = "/v1/users/{user_id}/interests"
    return Call("PATCH", route, ChangeReply, {"user_id": user_id}, (), body)


def profile(user_id: str) -> Call[ProfileReply]:
    """Tell what is known of a user, live events included."""
    return Call("GET", "/v1/users/{user_id}/profile", ProfileReply, {"user_id": user_id})


def record_event(event: UserEvent) -> Call[EventReply]:
    """Record one event; it survives a crash once it is answered."""
    return Call("POST", "/v1/events", EventReply, body=event.json())


def record_events(events: Sequence[UserEvent]) -> Call[EventsReply]:
    """Record up to a thousand events, all of them or none."""
    body: Json = {"events": [event.json() for event in events]}
    return Call("POST", "/v1/events/batch", EventsReply, body=body)


def cluster_tree() -> Call[TreeReply]:
    """Tell every cluster of every level."""
    return Call("GET", "/v1/clusters", TreeReply)


def similar_clusters(cluster_id: int, count: int = 10) -> Call[SimilarReply]:
    """Tell the clusters most like one."""
    named, query = {"cluster_id": str(cluster_id)}, (("count", str(count)),)
    return Call("GET", "/v1/clusters/{cluster_id}/similar", SimilarReply, named, query)


def cluster_map() -> Call[ClusterMapReply]:
    """Tell where the clusters of every level lie on a map."""
    return Call("GET", "/v1/clusters/map", ClusterMapReply)


def find_items(words: str, count: int = 10) -> Call[FoundItemsReply]:
    """Find items by words of their titles, most liked first."""
    return Call("GET", "/v1/items", FoundItemsReply, {}, (("words", words), ("count", str(count))))


def find_users(begins: str, count: int = 10) -> Call[FoundUsersReply]:
    """Find people by the beginning of their id, among those that the release names."""
    query = (("begins", begins), ("count", str(count)))
    return Call("GET", "/v1/users", FoundUsersReply, {}, query)


def item(item_id: str) -> Call[ItemReply]:
    """Tell what the release knows of an item."""
    return Call("GET", "/v1/items/{item_id}", ItemReply, {"item_id": item_id})


def interest_of_item(
    item_id: str, title: str = "", text: str = "", category_path: Sequence[str] = ()
) -> Call[ItemInterestReply]:
    """Tell the interest of an item, also of one that came after the release."""
    body: Json = {
        "item_id": item_id,
        "title": title,
        "text": text,
        "category_path": list(category_path),
    }
    return Call("POST", "/v1/items/interest", ItemInterestReply, body=body)


def features_of_user(user_id: str, release_id: str | None = None) -> Call[FeaturesReply]:
    """Give the features behind a user's list; of another release than in service: an error."""
    route, query = "/v1/users/{user_id}/features", _release(release_id)
    return Call("GET", route, FeaturesReply, {"user_id": user_id}, query)


def novel_clusters(
    clusters: Sequence[int], count: int = 10, release_id: str | None = None
) -> Call[TableRowReply]:
    """Give the interests planned after one or two history clusters, best first."""
    wanted = tuple(("cluster", str(cluster)) for cluster in clusters)
    query = (*wanted, ("count", str(count)), *_release(release_id))
    return Call("GET", "/v1/novel-clusters", TableRowReply, {}, query)


def release() -> Call[ReleaseReply]:
    """Describe the release in service."""
    return Call("GET", "/v1/release", ReleaseReply)


def gates() -> Call[GatesReply]:
    """Tell what the gates said of the release in service."""
    return Call("GET", "/v1/release/gates", GatesReply)


def readiness() -> Call[ReadinessReply]:
    """Tell whether the service is ready; that it is not is a reply too."""
    return Call("GET", "/readyz", ReadinessReply, answers=frozenset({200, 503}))


def health() -> Call[HealthReply]:
    """Tell that the process runs."""
    return Call("GET", "/healthz", HealthReply)


def metrics() -> Call[str]:
    """Give the metrics as Prometheus reads them."""
    return Call("GET", "/metrics", str)


def _release(release_id: str | None) -> Query:
    return () if release_id is None else (("release_id", release_id),)
