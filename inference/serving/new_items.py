"""Says to which interest an item that came after the release belongs, by the tree's centroids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from expectations.contracts.tables import ITEMS
from inference.events.identifier import Identifier
from inference.release.loaded_release import LoadedRelease
from inference.serving.http.problems import NO_RELEASE, OUT_OF_RANGE, UNREADABLE_BODY
from training.clusters.tree.assign import assign_items

MAX_TEXT_LENGTH = 20_000
"""Characters: several pages, more than a catalogue says of an item. A request may not make the
service encode without end."""
MAX_CATEGORIES = 20
"""Levels of a path; bounded for the same reason."""


class NewItem(BaseModel):
    """What an item says of itself; ``category_path`` runs from broad to narrow."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    item_id: Identifier
    title: str = Field(default="", max_length=MAX_TEXT_LENGTH)
    text: str = Field(default="", max_length=MAX_TEXT_LENGTH)
    category_path: tuple[str, ...] = Field(default=(), max_length=MAX_CATEGORIES)


@dataclass(frozen=True)
class ItemInterest:
    """The serving cluster of an item, or that it has none, since nothing could be read of it.

    Attributes:
        item_id: the item.
        is_new: the release does not know the item itself.
        is_assigned: the item has a cluster; a new one without a word the release knows has none.
        cluster_id: its cluster.
        description: what the cluster is called.
        similarity: of a new item, the cosine to the centre of its cluster.
        margin: of a new item, by how much the next cluster is less similar: near 0 two suit alike.
        release_id: of the release.
    """

    item_id: str
    is_new: bool
    is_assigned: bool
    cluster_id: int | None
    description: str | None
    similarity: float | None
    margin: float | None
    release_id: str


def find_interest(release: LoadedRelease, item: NewItem) -> ItemInterest:
    """Return the cluster of one item; one that the release knows keeps the one it has there."""
    is_known = release.clusters.has_item(item.item_id)
    cluster: int | None
    similarity, margin = None, None
    if is_known:
        cluster = int(release.clusters.clusters_of([item.item_id])[0])
    else:
        assigned = assign_items(release.centroids, _frame(item))
        row = assigned.row(by_predicate=pl.col("level") == release.clusters.level, named=True)
        cluster, similarity, margin = row["cluster_id"], row["similarity"], row["margin"]
    return ItemInterest(
        item_id=item.item_id,
        is_new=not is_known,
        is_assigned=cluster is not None,
        cluster_id=cluster,
        description=None if cluster is None else release.clusters.descriptions[cluster],
        similarity=similarity,
        margin=margin,
        release_id=release.release_id,
    )


def add_item_routes(
    app: FastAPI,
    release: Callable[[], LoadedRelease],
) -> None:
    """Let ``app`` say to which interest an item belongs.

    Args:
        app: the application.
        release: returns the release in service.
    """

    @app.post("/v1/items/interest", responses=OUT_OF_RANGE | NO_RELEASE | UNREADABLE_BODY)
    def interest_of_item(item: NewItem) -> ItemInterest:
        """Return the interest of an item, also of one that came after the release."""
        return find_interest(release(), item)


def _frame(item: NewItem) -> pl.DataFrame:
    """Return one item as the table ITEMS."""
    row = (item.item_id, item.title, item.text, list(item.category_path))
    overrides = {"category_path": pl.List(pl.String)}
    return pl.DataFrame([row], ITEMS.schema.names, orient="row", schema_overrides=overrides)
