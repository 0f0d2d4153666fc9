"""The routes by which one finds interests, items and people: the page's, and anybody's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Query

from expectations.contracts.forgotten import read_forgotten
from expectations.contracts.interaction_rules import MAX_ID_LENGTH
from inference.release.loaded_release import LoadedRelease
from inference.serving.browse.cluster_map import lay_out_tree
from inference.serving.browse.title_search import find_titles
from inference.serving.http.answer_examples import Example, answered
from inference.serving.http.problems import NO_RELEASE, OUT_OF_RANGE

MAX_FOUND = 50
"""Of one search: more of them nobody reads."""
MAX_WORDS_LENGTH = 200
"""Characters; no title is found by more."""
WORDS = "Parts of a title, in any order; all of them must occur."
BEGINS = "How the id begins."
COUNT = "The most that are told."
ID = "0" * 64
MAP_EXAMPLE: Example = {
    "release_id": ID,
    "serving_level": 1,
    "width": 1000.0,
    "height": 820.5,
    "circles": [
        {
            "level": 1,
            "cluster_id": 3,
            "parent_id": 0,
            "name": "jazz guitar",
            "x": 412.5,
            "y": 300.0,
            "radius": 18.4,
        }
    ],
}
ITEMS_EXAMPLE: Example = {
    "release_id": ID,
    "items": [
        {
            "item_id": "item-0000042",
            "title": "Birds at the window",
            "cluster_id": 7,
            "cluster_name": "garden birds",
            "n_positive": 31,
        }
    ],
}
USERS_EXAMPLE: Example = {"release_id": ID, "users": ["ann", "ben"]}
Count = Annotated[int, Query(ge=1, le=MAX_FOUND, description=COUNT)]


@dataclass(frozen=True)
class MapCircle:
    """Where a cluster of any level lies: within the circle of its parent, but for level 0."""

    level: int
    cluster_id: int
    parent_id: int | None
    name: str
    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class ClusterMapAnswer:
    """The cluster tree as circles within circles, on a plane of ``width`` by ``height``."""

    release_id: str
    serving_level: int
    width: float
    height: float
    circles: tuple[MapCircle, ...]


@dataclass(frozen=True)
class FoundItem:
    """An item, its interest, and how many liked it before the tests' time."""

    item_id: str
    title: str
    cluster_id: int
    cluster_name: str
    n_positive: int


@dataclass(frozen=True)
class FoundItems:
    """Items with these words in their titles, most liked first."""

    release_id: str
    items: tuple[FoundItem, ...]


@dataclass(frozen=True)
class FoundUsers:
    """Users whose ids begin so, ascending, among those that a release names."""

    release_id: str
    users: tuple[str, ...]


def add_browse_routes(
    app: FastAPI, release: Callable[[], LoadedRelease], forgotten_users: Path
) -> None:
    """Let ``app`` be leafed through. These routes may take milliseconds: they run in threads.

    Args:
        app: the application.
        release: returns the release in service.
        forgotten_users: list of people who are not told of.
    """
    maps: dict[str, ClusterMapAnswer] = {}

    @app.get("/v1/clusters/map", responses=answered(MAP_EXAMPLE) | NO_RELEASE)
    def cluster_map() -> ClusterMapAnswer:
        """Tell where the clusters of every level lie on a map, alike near alike."""
        serving = release()
        drawn = maps.get(serving.release_id)
        if drawn is None:
            drawn = draw_map(serving)
            maps.clear()  # of one release: another one's would be asked for once more at most
            maps[serving.release_id] = drawn
        return drawn

    @app.get("/v1/items", responses=answered(ITEMS_EXAMPLE) | OUT_OF_RANGE | NO_RELEASE)
    def items_by_words(
        words: Annotated[str, Query(min_length=1, max_length=MAX_WORDS_LENGTH, description=WORDS)],
        count: Count = 10,
    ) -> FoundItems:
        """Find items by words of their titles."""
        serving = release()
        found = find_titles(serving, words.split(), count)
        clusters = serving.clusters.clusters_of(found).tolist()
        items = tuple(
            FoundItem(
                item,
                serving.titles[item],
                cluster,
                serving.clusters.shown[cluster],
                serving.likes.get(item, 0),
            )
            for item, cluster in zip(found, clusters, strict=True)
        )
        return FoundItems(serving.release_id, items)

    @app.get("/v1/users", responses=answered(USERS_EXAMPLE) | OUT_OF_RANGE | NO_RELEASE)
    def users_by_id(
        begins: Annotated[str, Query(max_length=MAX_ID_LENGTH, description=BEGINS)] = "",
        count: Count = 10,
    ) -> FoundUsers:
        """Find people by the beginning of their id, among a thousand that the release names.

        The online store answers for an id and lists none, so the others cannot be found.
        """
        manifest = release().manifest
        matching = [user for user in manifest.probe_users if user.startswith(begins)]
        left_out = read_forgotten(forgotten_users).among(matching)
        known = [user for user in matching if user not in left_out]
        return FoundUsers(manifest.release_id, tuple(known[:count]))


def draw_map(release: LoadedRelease) -> ClusterMapAnswer:
    """Return the map of a release's clusters, down to the level that is served."""
    level = release.clusters.level
    centroids = release.centroids
    placed = lay_out_tree(centroids.centres[: level + 1], centroids.parents[: level + 1])
    circles = tuple(
        MapCircle(
            node.level,
            node.cluster_id,
            node.parent_id,
            node.name,
            float(placed.levels[node.level].x[node.cluster_id]),
            float(placed.levels[node.level].y[node.cluster_id]),
            float(placed.levels[node.level].radius[node.cluster_id]),
        )
        for node in release.catalogue.nodes
        if node.level <= level
    )
    return ClusterMapAnswer(release.release_id, level, placed.width, placed.height, circles)
