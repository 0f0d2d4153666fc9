"""The features behind an answer, for callers in any language: of a user, and the planned table.

They are what Feast's own server gives by release id and context key, of the release in service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query

from expectations.contracts.values import HISTORY_SIZE, ClusterContext, contexts_of_history
from inference.events.identifier import Identifier
from inference.features.online_features import FeatureReader
from inference.release.loaded_release import LoadedRelease
from inference.serving.http.problems import (
    OTHER_RELEASE,
    OUT_OF_RANGE,
    UNKNOWN,
    UNREACHABLE,
)
from inference.store.store_connections import StoreUnreachableError

MIN_PREFIX = 8
"""Of a release id, as the service's own lines shorten it to 12: two releases hardly share it."""
DEFAULT_COUNT = 10
"""As many as a list of recommendations usually has."""
RELEASE_WANTED = "a release id or its beginning: another release than that in service is refused"
CLUSTERS_WANTED = "ids of one or two history clusters, in any order"

WantedRelease = Annotated[
    str | None, Query(pattern=f"^[0-9a-f]{{{MIN_PREFIX},64}}$", description=RELEASE_WANTED)
]


@dataclass(frozen=True)
class FeatureCluster:
    """A cluster id of a feature, as the planner writes it, and as people read it."""

    cluster_id: int
    description: str
    name: str


@dataclass(frozen=True)
class FeaturesOfUser:
    """What the release in service was built to know of a user; lists are newest first.

    ``contexts`` are the pairs of history clusters that a plan combines, or the only cluster there
    is. What the user did since the data's end is in no release; recommendations take it in.
    """

    release_id: str
    user_id: str
    history: tuple[FeatureCluster, ...]
    consumed_clusters: tuple[int, ...]
    recent_items: tuple[str, ...]
    contexts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class RankedInterest:
    """A novel cluster of a table row, and the logarithm of its probability there."""

    cluster_id: int
    description: str
    name: str
    score: float


@dataclass(frozen=True)
class RowOfTable:
    """The row of the novel-cluster table that one or two history clusters have, best first."""

    release_id: str
    clusters: tuple[FeatureCluster, ...]
    novel: tuple[RankedInterest, ...]


def add_feature_routes(
    app: FastAPI, release: Callable[[], LoadedRelease], reader: FeatureReader
) -> None:
    """Let ``app`` give the features that it answers from.

    Args:
        app: the application.
        release: returns the release in service.
        reader: reads features.
    """
    refusals = OUT_OF_RANGE | UNKNOWN | UNREACHABLE | OTHER_RELEASE

    def in_service(wanted: str | None) -> LoadedRelease:
        serving = release()
        if wanted is not None and not serving.release_id.startswith(wanted):
            said = f"release {wanted} is not in service: {serving.release_id} is"
            raise HTTPException(409, said)
        return serving

    @app.get("/v1/users/{user_id:anything}/features", responses=refusals)
    def features_of_user(user_id: Identifier, release_id: WantedRelease = None) -> FeaturesOfUser:
        """Return the history that a user's recommendations start from."""
        serving = in_service(release_id)
        try:
            user = reader.read_user(serving.release_id, user_id)
        except StoreUnreachableError:
            raise HTTPException(503, "the online store does not answer") from None
        if user is None:
            raise HTTPException(404, f"release {serving.release_id} knows no such user")
        contexts = contexts_of_history(list(user.history_clusters))
        return FeaturesOfUser(
            release_id=serving.release_id,
            user_id=user_id,
            history=_name(serving, user.history_clusters),
            consumed_clusters=user.consumed_clusters,
            recent_items=user.recent_items,
            contexts=tuple(context.members for context in contexts),
        )

    @app.get("/v1/novel-clusters", responses=refusals)
    def novel_clusters(
        cluster: Annotated[
            list[int], Query(min_length=1, max_length=HISTORY_SIZE, description=CLUSTERS_WANTED)
        ],
        count: int = Query(DEFAULT_COUNT, ge=1),
        release_id: WantedRelease = None,
    ) -> RowOfTable:
        """Return the novel clusters planned after one or two history clusters, best first."""
        serving = in_service(release_id)
        n_clusters = serving.clusters.n_clusters
        if not all(0 <= c < n_clusters for c in cluster) or len(set(cluster)) < len(cluster):
            raise HTTPException(422, f"cluster: ids are distinct and from 0 to {n_clusters - 1}")
        context = ClusterContext.of(*cluster)
        try:
            row = reader.read_rows(serving.release_id, [context]).get(context)
        except StoreUnreachableError:
            raise HTTPException(503, "the online store does not answer") from None
        if row is None:
            raise HTTPException(404, f"the online store lacks the row {context.key}")
        ids = row.novel_clusters[:count].tolist()
        names = _name(serving, ids)
        return RowOfTable(
            release_id=serving.release_id,
            clusters=_name(serving, context.members),
            novel=tuple(
                RankedInterest(c.cluster_id, c.description, c.name, score)
                for c, score in zip(names, row.scores[:count].tolist(), strict=True)
            ),
        )


def _name(release: LoadedRelease, cluster_ids: Iterable[int]) -> tuple[FeatureCluster, ...]:
    words, names = release.clusters.descriptions, release.clusters.shown
    return tuple(FeatureCluster(c, words[c], names[c]) for c in cluster_ids)
