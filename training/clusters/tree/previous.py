"""Reads a previous tree against today's catalogue: which cluster was each item in, and its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from expectations.contracts.errors import UserError
from training.clusters.cluster_name import ClusterName, read_names
from training.clusters.config import PreviousTreeConfig

NOT_THERE = -1
"""Where an item of today was in no cluster of the previous tree."""
SETTING = "clusters.previous"


@dataclass(frozen=True)
class PreviousTree:
    """A previous tree; every tuple runs over levels, broad to narrow.

    Attributes:
        labels: previous cluster of each present item, int64 ``[n_items]``; ``NOT_THERE`` for an
            item that the previous tree did not have.
        names: of each previous cluster, ``[n_clusters]``.
        traffic: its share of the traffic at that time, float64 ``[n_clusters]``.
        n_items: how many items it had, those that are gone included, int64 ``[n_clusters]``.
        config: where it came from, its content hash, and how much it binds the next tree.
    """

    labels: tuple[np.ndarray, ...]
    names: tuple[tuple[ClusterName, ...], ...]
    traffic: tuple[np.ndarray, ...]
    n_items: tuple[np.ndarray, ...]
    config: PreviousTreeConfig


def align_previous(
    clusters: pl.DataFrame,
    item_clusters: pl.DataFrame,
    item_ids: pl.Series,
    levels: Sequence[int],
    config: PreviousTreeConfig,
) -> PreviousTree:
    """Lay a previous tree out over the present items.

    Args:
        clusters: the previous table CLUSTERS.
        item_clusters: the previous table ITEM_CLUSTERS.
        item_ids: the present items, ascending.
        levels: clusters per level of the tree to be built.
        config: passed on.

    Raises:
        UserError: the previous tree has other levels, is not nested, or knows none of the items.
    """
    nodes = clusters.sort("level", "cluster_id")
    _check_levels(nodes, levels)
    members = _pivot_levels(item_clusters, levels)
    _check_nesting(nodes, members)
    found = pl.DataFrame([item_ids]).join(members, on="item_id", how="left", maintain_order="left")
    if found["0"].null_count() == found.height:
        raise UserError(
            SETTING,
            "the previous tree has items of this catalogue",
            "name a tree of the same data, or set clusters.previous to null",
            f"none of {found.height} items",
        )
    by_level = [nodes.filter(pl.col("level") == level) for level in range(len(levels))]
    return PreviousTree(
        labels=tuple(
            found[str(level)].fill_null(NOT_THERE).to_numpy().astype(np.int64)
            for level in range(len(levels))
        ),
        names=tuple(read_names(level) for level in by_level),
        traffic=tuple(level["traffic"].cast(pl.Float64).to_numpy() for level in by_level),
        n_items=tuple(level["n_items"].to_numpy() for level in by_level),
        config=config,
    )


def _check_levels(nodes: pl.DataFrame, levels: Sequence[int]) -> None:
    counts = nodes.group_by("level", maintain_order=True).agg(pl.len(), pl.col("cluster_id"))
    found = counts["len"].to_list()
    if counts["level"].to_list() != list(range(len(found))) or any(
        ids != list(range(len(ids))) for ids in counts["cluster_id"].to_list()
    ):
        raise UserError(
            SETTING, "levels and ids run from 0 without gaps", "name the tables of a built tree"
        )
    if found != list(levels):
        raise UserError(
            SETTING,
            f"has as many clusters per level as clusters.levels, {list(levels)}",
            f"set clusters.levels to {found}, or clusters.previous to null",
            str(found),
        )


def _pivot_levels(item_clusters: pl.DataFrame, levels: Sequence[int]) -> pl.DataFrame:
    """Return one row an item and a column a level, checked to be whole."""
    known = pl.DataFrame({"level": range(len(levels)), "n": levels})
    strange = item_clusters.join(known, on="level", how="left").filter(
        pl.col("n").is_null() | (pl.col("cluster_id") >= pl.col("n"))
    )
    members = item_clusters.pivot(on="level", index="item_id", values="cluster_id")
    columns = [str(level) for level in range(len(levels))]
    missing = set(columns) - set(members.columns) or members.null_count().sum_horizontal().item()
    if strange.height or missing:
        raise UserError(
            f"{SETTING}, item_clusters",
            "every item has one cluster of the tree at every level",
            "name the tables of one and the same tree",
            str(strange.head(2).rows()) if strange.height else "",
        )
    return members.select("item_id", *columns)


def _check_nesting(nodes: pl.DataFrame, members: pl.DataFrame) -> None:
    for level in range(1, len(members.columns) - 1):
        parents = nodes.filter(pl.col("level") == level)["parent_id"]
        stated = parents.gather(members[str(level)])
        torn = members.filter(stated.ne_missing(members[str(level - 1)]))
        if torn.height:
            raise UserError(
                f"{SETTING}, item_clusters",
                "an item's cluster lies within its cluster one level up",
                "name the tables of one and the same tree",
                f"item {torn['item_id'][0]} at level {level}",
            )
