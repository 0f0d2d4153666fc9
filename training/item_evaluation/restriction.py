"""What restriction costs or gains: novel-cluster items found, by where the recommender may look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from training.metrics import bootstrap_intervals, hit_rate_at_k, ndcg_at_k, recall_at_k
from training.recommender.layout import ItemLayout
from training.recommender.protocol import BatchRecommender, ItemQuery

DEPTH = 10
MEASURES = ("hit_rate_at_10", "ndcg_at_10", "recall_at_10")


@dataclass(frozen=True)
class NovelEvents:
    """Users who came to like items of clusters that were new to them.

    Position ``c`` of every field is one case, one user at one origin.

    Attributes:
        users: who.
        recent_items: positive items before the origin, newest first.
        consumed_items: all items before the origin; never ranked.
        history_clusters: distinct, newest first.
        consumed_clusters: clusters with any earlier interaction.
        novel_clusters: the novel clusters of the window.
        positives: items of those clusters liked in the window, at least one.
    """

    users: tuple[str, ...]
    recent_items: tuple[list[str], ...]
    consumed_items: tuple[list[str], ...]
    history_clusters: tuple[list[int], ...]
    consumed_clusters: tuple[list[int], ...]
    novel_clusters: tuple[list[int], ...]
    positives: tuple[frozenset[str], ...]

    def __len__(self) -> int:
        return len(self.users)


def find_novel_events(
    cases: pl.DataFrame, item_cases: pl.DataFrame, layout: ItemLayout, split: str
) -> NovelEvents:
    """Return the cases of CASES with the items of ITEM_CASES that lie in their novel clusters."""
    ours = pl.DataFrame({"item_id": layout.item_ids, "cluster_id": layout.cluster_of_place})
    whole = (
        cases.filter(pl.col("split") == split)
        .rename({"positives": "novel_clusters"})
        .join(item_cases.drop("split"), on=["origin", "user_id"])
    )
    liked = (
        whole.select("origin", "user_id", "novel_clusters", item_id="positives")
        .explode("item_id")
        .join(ours, on="item_id")
        .filter(pl.col("cluster_id").is_in(pl.col("novel_clusters")))
        .group_by("origin", "user_id")
        .agg(pl.col("item_id").sort())
    )
    events = whole.join(liked, on=["origin", "user_id"]).sort("origin", "user_id")
    return NovelEvents(
        users=tuple(events["user_id"].to_list()),
        recent_items=tuple(events["recent_items"].to_list()),
        consumed_items=tuple(events["consumed_items"].to_list()),
        history_clusters=tuple(events["history_clusters"].to_list()),
        consumed_clusters=tuple(events["consumed_clusters"].to_list()),
        novel_clusters=tuple(events["novel_clusters"].to_list()),
        positives=tuple(frozenset(items) for items in events["item_id"].to_list()),
    )


def draw_clusters(
    events: NovelEvents, n_clusters: int, n_drawn: int, rng: np.random.Generator
) -> list[list[int]]:
    """Return as many random clusters as are planned, none of them consumed, for each case."""
    drawn = []
    for consumed in events.consumed_clusters:
        open_clusters = np.setdiff1d(np.arange(n_clusters), consumed)
        size = min(n_drawn, len(open_clusters))
        drawn.append(sorted(rng.choice(open_clusters, size, replace=False).tolist()))
    return drawn


def measure_restriction(
    recommender: BatchRecommender, events: NovelEvents, clusters: Sequence[Sequence[int] | None]
) -> np.ndarray:
    """Return the measures of each case, ``[cases, MEASURES]``.

    Args:
        recommender: whose items are looked at.
        events: the cases.
        clusters: where the recommender may look in each case; ``None`` for everywhere.
    """
    queries = [
        ItemQuery(recent, DEPTH, within, frozenset(consumed))
        for recent, within, consumed in zip(
            events.recent_items, clusters, events.consumed_items, strict=True
        )
    ]
    rows = []
    for answer, wanted in zip(recommender.answer(queries), events.positives, strict=True):
        ranked = [item.item_id for item in answer]
        rows.append(
            (
                hit_rate_at_k(ranked, wanted, DEPTH),
                ndcg_at_k(ranked, wanted, DEPTH),
                recall_at_k(ranked, wanted, DEPTH),
            )
        )
    return np.array(rows).reshape(len(events), len(MEASURES))


def report_restriction(
    recommender: BatchRecommender,
    events: NovelEvents,
    planned: Sequence[Sequence[int]],
    n_clusters: int,
    rng: np.random.Generator,
) -> dict[str, float]:
    """Return flat figures of the same recommender under four restrictions.

    None; to the planned clusters; to as many random unconsumed ones; to the true novel ones,
    which is what a perfect plan would allow.

    Args:
        recommender: the one to restrict.
        events: cases with items in novel clusters.
        planned: the served plan of each case, cut to the clusters that retrieval would use.
        n_clusters: clusters at the serving level.
        rng: draws the random clusters and the bootstrap's users.
    """
    figures: dict[str, float] = {
        "n_novel_cases": len(events),
        "n_novel_users": len(set(events.users)),
        "n_planned_clusters": max((len(plan) for plan in planned), default=0),
    }
    if not len(events):
        return figures
    restrictions: dict[str, list[Sequence[int] | None]] = {
        "anywhere": [None] * len(events),
        "planned": list(planned),
        "random": list(draw_clusters(events, n_clusters, int(figures["n_planned_clusters"]), rng)),
        "true": list(events.novel_clusters),
    }
    for name, clusters in restrictions.items():
        values = measure_restriction(recommender, events, clusters)
        intervals = bootstrap_intervals(values, list(events.users), rng)
        for measure, interval in zip(MEASURES, intervals, strict=True):
            figures |= interval.named(f"novel_{name}_{measure}")
    return figures
