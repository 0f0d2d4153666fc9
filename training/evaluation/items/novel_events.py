"""Novel-cluster events: users who came to like items of clusters that were new to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from training.evaluation.items.cases import HeldOut, ItemCases
from training.recommender.data.layout import ItemLayout


@dataclass(frozen=True)
class NovelEvents:
    """Users who came to like items of clusters that were new to them; row ``c`` is one case.

    Attributes:
        users: who, one user at one origin.
        held_out: histories, what they had consumed, and the liked items of novel clusters, all
            of them in the catalogue.
        history_clusters: distinct, newest first.
        consumed_clusters: clusters with any earlier interaction.
        novel_clusters: the novel clusters of the window.
    """

    users: tuple[str, ...]
    held_out: HeldOut
    history_clusters: tuple[list[int], ...]
    consumed_clusters: tuple[list[int], ...]
    novel_clusters: tuple[list[int], ...]

    def __len__(self) -> int:
        return len(self.users)


def find_novel_events(
    cases: pl.DataFrame, item_cases: pl.DataFrame, layout: ItemLayout, split: str
) -> NovelEvents:
    """Return the cases of CASES with the items of ITEM_CASES that lie in their novel clusters."""
    ours = pl.DataFrame({"item_id": layout.item_ids, "cluster_id": layout.cluster_of_row})
    whole = (
        cases.filter(pl.col("split") == split)
        .rename({"positives": "novel_clusters"})
        .join(item_cases.rename({"positives": "liked"}).drop("split"), on=["origin", "user_id"])
    )
    liked = (
        whole.select("origin", "user_id", "novel_clusters", item_id="liked")
        .explode("item_id")
        .join(ours, on="item_id")
        .filter(pl.col("cluster_id").is_in(pl.col("novel_clusters")))
        .group_by("origin", "user_id")
        .agg(positives=pl.col("item_id").sort())
    )
    events = whole.join(liked, on=["origin", "user_id"]).sort("origin", "user_id")
    by_item = ItemCases.from_frame(events, split)
    return NovelEvents(
        users=by_item.users,
        held_out=by_item.hold_out(layout),
        history_clusters=tuple(events["history_clusters"].to_list()),
        consumed_clusters=tuple(events["consumed_clusters"].to_list()),
        novel_clusters=tuple(events["novel_clusters"].to_list()),
    )


def draw_clusters(
    events: NovelEvents, n_clusters: int, n_drawn: int, rng: np.random.Generator
) -> list[list[int]]:
    """Return random clusters of each case, none of them consumed, in random order."""
    drawn = []
    for consumed in events.consumed_clusters:
        open_clusters = np.setdiff1d(np.arange(n_clusters), consumed)
        drawn.append(rng.permutation(open_clusters)[:n_drawn].tolist())
    return drawn
