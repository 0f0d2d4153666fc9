"""Look-ups: the cluster tree, clusters like another, what is known of an item and of a user."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import numpy as np
import orjson
from fastapi import FastAPI, HTTPException, Path, Query, Response

from inference.events.event import EPOCH, MICROSECOND, RecordedEvent
from inference.events.identifier import Identifier
from inference.features.live_history import merge_live
from inference.features.online_features import FeatureReader, UserFeatures
from inference.release.catalogue import TreeNode
from inference.release.loaded_release import LoadedRelease
from inference.serving.assemble import name_cluster
from inference.serving.http.problems import NO_RELEASE, OUT_OF_RANGE, UNKNOWN, UNREACHABLE
from inference.serving.options import MAX_CLUSTER
from inference.store.store_connections import StoreUnreachableError
from training.clusters.tree_view import Cluster

MAX_SIMILAR = 100
"""Clusters like another: a page of them."""
ITEMS_TOLD = 200
"""Of a user's items, the newest: as many as a row of live events holds."""


@dataclass(frozen=True)
class TreeAnswer:
    """Every cluster of every level; items are recommended by those of ``serving_level``."""

    release_id: str
    serving_level: int
    nodes: tuple[TreeNode, ...]


@dataclass(frozen=True)
class SimilarCluster:
    """A cluster and the cosine of its centre with that of another."""

    cluster: Cluster
    similarity: float


@dataclass(frozen=True)
class SimilarClusters:
    """The clusters most like one, most similar first."""

    release_id: str
    cluster: Cluster
    similar: tuple[SimilarCluster, ...]


@dataclass(frozen=True)
class ItemAnswer:
    """What a release knows of an item; ``n_positive``: how many liked it before the tests' time."""

    item_id: str
    title: str
    category_path: tuple[str, ...]
    cluster: Cluster
    n_positive: int
    release_id: str


@dataclass(frozen=True)
class ItemTold:
    """An item of a user's past; a title and a cluster where the release knows it.

    ``acted_at`` is known of live events alone: the features of a release are in order of time,
    and hold no times.
    """

    item_id: str
    title: str | None
    cluster: Cluster | None
    is_liked: bool
    acted_at: datetime | None


@dataclass(frozen=True)
class UserAnswer:
    """What is known of a user, live events included, newest first but ``consumed``."""

    user_id: str
    release_id: str
    history: tuple[Cluster, ...]
    consumed: tuple[Cluster, ...]
    recent_items: tuple[ItemTold, ...]


def add_catalogue_routes(
    app: FastAPI, release: Callable[[], LoadedRelease], reader: FeatureReader
) -> None:
    """Let ``app`` tell of clusters, items and users.

    Args:
        app: the application.
        release: returns the release in service.
        reader: reads what is known of users.
    """

    @app.get("/v1/clusters", response_model=TreeAnswer, responses=NO_RELEASE)
    async def cluster_tree() -> Response:
        """Tell the whole cluster tree."""
        serving = release()
        tree = TreeAnswer(serving.release_id, serving.clusters.level, serving.catalogue.nodes)
        return Response(orjson.dumps(tree), media_type="application/json")

    @app.get("/v1/clusters/{cluster_id}/similar", responses=OUT_OF_RANGE | NO_RELEASE | UNKNOWN)
    async def similar_clusters(
        cluster_id: Annotated[int, Path(ge=0, le=MAX_CLUSTER)],
        count: Annotated[int, Query(ge=1, le=MAX_SIMILAR)] = 10,
    ) -> SimilarClusters:
        """Tell the clusters most like one of the serving level, by the centres of their items."""
        serving = release()
        if cluster_id >= serving.clusters.n_clusters:
            raise HTTPException(404, f"the release has no cluster {cluster_id}")
        centres = serving.centroids.centres[serving.clusters.level]
        cosines = centres @ centres[cluster_id]
        order = np.argsort(-cosines, kind="stable")
        similar = tuple(
            SimilarCluster(name_cluster(serving, other), float(cosines[other]))
            for other in order.tolist()
            if other != cluster_id
        )
        return SimilarClusters(
            serving.release_id, name_cluster(serving, cluster_id), similar[:count]
        )

    @app.get("/v1/items/{item_id:anything}", responses=OUT_OF_RANGE | NO_RELEASE | UNKNOWN)
    async def item(item_id: Identifier) -> ItemAnswer:
        """Tell what the release knows of an item."""
        serving = release()
        if not serving.clusters.has_item(item_id):
            raise HTTPException(404, "the release does not know this item")
        (cluster,) = serving.clusters.clusters_of([item_id]).tolist()
        return ItemAnswer(
            item_id,
            serving.titles[item_id],
            serving.catalogue.categories.get(item_id, ()),
            name_cluster(serving, cluster),
            serving.likes.get(item_id, 0),
            serving.release_id,
        )

    @app.get(
        "/v1/users/{user_id:anything}/profile",
        responses=OUT_OF_RANGE | UNKNOWN | UNREACHABLE,
    )
    async def profile(user_id: Identifier) -> UserAnswer:
        """Tell what is known of a user: their interests and newest items."""
        serving = release()
        try:
            rows = reader.read_people(serving.release_id, [user_id])[user_id]
        except StoreUnreachableError:
            raise HTTPException(503, "the online store does not answer") from None
        user = merge_live(rows.batch, rows.events, serving.clusters, serving.seen)
        if user is None:
            raise HTTPException(404, "the online store does not know this user")
        return UserAnswer(
            user_id,
            serving.release_id,
            tuple(name_cluster(serving, c) for c in user.history_clusters),
            tuple(name_cluster(serving, c) for c in user.consumed_clusters),
            tuple(_tell(serving, user, rows.events)),
        )


def _tell(
    release: LoadedRelease, user: UserFeatures, events: Sequence[RecordedEvent]
) -> Iterator[ItemTold]:
    """Yield a user's newest items, newest first."""
    liked = set(user.recent_items)
    oldest_first = sorted(events, key=lambda recorded: recorded.event.time_us)
    times = {recorded.event.item_id: recorded.event.time_us for recorded in oldest_first}
    for item_id in user.consumed_items[:ITEMS_TOLD]:
        time_us = times.get(item_id)
        acted_at = None if time_us is None else EPOCH + time_us * MICROSECOND
        title, cluster = None, None
        if release.clusters.has_item(item_id):
            title = release.titles[item_id]
            cluster = name_cluster(release, int(release.clusters.clusters_of([item_id])[0]))
        yield ItemTold(item_id, title, cluster, item_id in liked, acted_at)
