"""Measures a tree of clusters: is it even, are its names unique, do people stay within it."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl

from training.evaluation.metrics import bootstrap_interval

SAMPLED_USERS = 20_000
"""Enough for an interval of a percent; resampling millions takes minutes."""


def measure_clusters(clusters: pl.DataFrame, top_item_share: float, level: int) -> dict[str, float]:
    """Return flat figures of the table CLUSTERS, per level and for the serving level.

    ``traffic_balance`` is the busiest cluster over the mean. ``traffic_overload`` sets it against
    what is possible: an item cannot be split, so where the most popular one exceeds the mean, the
    busiest cluster is divided by it instead.

    Args:
        clusters: every node of the tree.
        top_item_share: share of the traffic that the most popular item has.
        level: the serving level.
    """
    figures: dict[str, float] = {}
    for depth, nodes in sorted(clusters.group_by("level"), key=lambda group: str(group[0])):
        figures |= _measure_level(nodes, top_item_share, f"_level_{depth[0]}")
    serving = clusters.filter(pl.col("level") == level)
    figures |= _measure_level(serving, top_item_share, "")
    figures["n_levels"] = clusters["level"].n_unique()
    figures["n_duplicate_descriptions"] = int(
        clusters.select(pl.struct("level", "description").is_duplicated().sum()).item()
    )
    figures["worst_traffic_overload"] = max(
        value for name, value in figures.items() if name.startswith("traffic_overload")
    )
    return figures


def measure_stays(
    interactions: pl.LazyFrame,
    item_clusters: pl.DataFrame,
    since: datetime,
    rng: np.random.Generator,
) -> dict[str, float]:
    """Return how often a user's next interaction stays in the cluster of the one before.

    Only interactions from ``since`` on count, which the tree has not seen. ``chance`` is the rate
    at which two unrelated interactions of that time share a cluster.

    Args:
        interactions: the table INTERACTIONS.
        item_clusters: ``(item_id, cluster_id)`` of the serving level.
        since: start of the held-out period.
        rng: draws the resamples of users.
    """
    events = read_events(interactions, since).join(
        item_clusters, on="item_id", maintain_order="left"
    )
    steps = events.select("user_id", find_stays(events, "cluster_id")).drop_nulls("stays")
    users = steps["user_id"].unique().sort().head(SAMPLED_USERS)
    sample = steps.join(users.to_frame("user_id"), on="user_id", how="semi", maintain_order="left")
    if sample.is_empty():
        return {"next_item_stays_n_cases": 0}
    stays = bootstrap_interval(sample["stays"].to_numpy(), sample["user_id"].to_numpy(), rng)
    shares = events["cluster_id"].value_counts(normalize=True)["proportion"].to_numpy()
    return {
        "next_item_stays": stays.mean,
        "next_item_stays_low": stays.low,
        "next_item_stays_high": stays.high,
        "next_item_stays_n_cases": stays.n_cases,
        "next_item_stays_n_users": stays.n_users,
        "next_item_stays_chance": float(np.square(np.sort(shares)).sum()),
    }


def read_events(
    interactions: pl.LazyFrame, since: datetime, until: datetime | None = None
) -> pl.DataFrame:
    """Return ``(user_id, item_id)`` of a held-out period, each user's events in order of time.

    Args:
        interactions: the table INTERACTIONS.
        since: start of the period.
        until: its end; the end of the data when ``None``.
    """
    is_within = pl.col("timestamp") >= since
    if until is not None:
        is_within &= pl.col("timestamp") < until
    ordered = interactions.filter(is_within).sort("user_id", "timestamp", "item_id")
    return ordered.select("user_id", "item_id").collect()


def find_stays(events: pl.DataFrame, column: str) -> pl.Series:
    """Say of each event whether its cluster is that of the user's event before; null at the first.

    Args:
        events: ``user_id`` and the cluster in ``column``, each user's events in order of time.
        column: which clustering to look at.
    """
    before = pl.col(column).shift(1).over("user_id")
    return events.select((pl.col(column) == before).alias("stays"))["stays"]


def _measure_level(nodes: pl.DataFrame, top_item_share: float, suffix: str) -> dict[str, float]:
    traffic = nodes["traffic"].cast(pl.Float64).to_numpy()
    mean = max(float(traffic.mean()), 1e-12)
    words = nodes["description"].str.split(" ").list.len()
    return {
        f"n_clusters{suffix}": nodes.height,
        f"traffic_balance{suffix}": float(traffic.max() / mean),
        f"traffic_overload{suffix}": float(traffic.max() / max(mean, top_item_share)),
        f"top_item_over_mean_traffic{suffix}": top_item_share / mean,
        f"min_items{suffix}": int(nodes["n_items"].to_numpy().min()),
        f"unique_descriptions{suffix}": nodes["description"].n_unique() / nodes.height,
        f"mean_description_words{suffix}": float(words.to_numpy().mean()),
    }
