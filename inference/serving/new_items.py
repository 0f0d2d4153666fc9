"""Says to which interest an item belongs that came after the release, by the tree's own places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from expectations.contracts.tables import ITEMS
from inference.serving.loaded_release import LoadedRelease
from training.clusters.assign import assign_items

MAX_TEXT_LENGTH = 20_000
MAX_CATEGORIES = 20


class NewItem(BaseModel):
    """What an item says of itself; ``category_path`` runs from broad to narrow."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    item_id: str = Field(min_length=1, max_length=256)
    title: str = Field(default="", max_length=MAX_TEXT_LENGTH)
    text: str = Field(default="", max_length=MAX_TEXT_LENGTH)
    category_path: tuple[str, ...] = Field(default=(), max_length=MAX_CATEGORIES)


@dataclass(frozen=True)
class ItemInterest:
    """The serving cluster of an item. ``is_new``: the release does not know the item itself."""

    item_id: str
    is_new: bool
    cluster_id: int
    description: str
    release_id: str


def find_interest(release: LoadedRelease, item: NewItem) -> ItemInterest:
    """Return the cluster of one item; one that the release knows keeps the one it has there."""
    is_known = release.clusters.has_item(item.item_id)
    if is_known:
        cluster = int(release.clusters.clusters_of([item.item_id])[0])
    else:
        assigned = assign_items(release.places, _frame(item))
        cluster = assigned.filter(pl.col("level") == release.clusters.level)["cluster_id"].item()
    return ItemInterest(
        item_id=item.item_id,
        is_new=not is_known,
        cluster_id=cluster,
        description=release.clusters.descriptions[cluster],
        release_id=release.release_id,
    )


def add_item_routes(
    app: FastAPI,
    release: Callable[[], LoadedRelease],
    responses: dict[int | str, dict[str, object]],
) -> None:
    """Let ``app`` say to which interest an item belongs.

    Args:
        app: the application.
        release: returns the release in service.
        responses: how the application describes its refusals.
    """

    @app.post("/v1/items/interest", responses=responses)
    def interest_of_item(item: NewItem) -> ItemInterest:
        """Return the interest of an item, also of one that came after the release."""
        return find_interest(release(), item)


def _frame(item: NewItem) -> pl.DataFrame:
    """Return one item as the table ITEMS."""
    row = (item.item_id, item.title, item.text, list(item.category_path))
    overrides = {"category_path": pl.List(pl.String)}
    return pl.DataFrame([row], ITEMS.schema.names, orient="row", schema_overrides=overrides)
