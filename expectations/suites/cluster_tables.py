"""What a finished cluster tree must be: whole, consistent from level to level, and named."""

from __future__ import annotations

import polars as pl

from expectations.contracts.tables import CLUSTERS, ITEM_CLUSTERS
from expectations.contracts.values import MAX_DESCRIPTION
from expectations.suites.tally import RowCount, declared_counts

TREE_REMEDY = "this is a fault of the clusters stage: report it"
NAME_REMEDY = "give the items more telling titles or texts, or ask for fewer clusters.levels"


def cluster_suite(clusters: pl.DataFrame) -> tuple[RowCount, ...]:
    """Return the rules on the nodes of the tree."""
    level, cluster, parent = pl.col("level"), pl.col("cluster_id"), pl.col("parent_id")
    known = _keys_of(clusters)
    is_top = level == 0
    has_parent = pl.struct(level - 1, parent.alias("cluster_id")).is_in(known)
    return (
        _some("clusters", "the tree has clusters"),
        *declared_counts(CLUSTERS),
        RowCount(
            "cluster_id",
            "a cluster stands once in its level",
            TREE_REMEDY,
            pl.struct(level, cluster).is_duplicated(),
        ),
        RowCount(
            "parent_id",
            "a cluster below the top has a parent one level up, one at the top has none",
            TREE_REMEDY,
            pl.when(is_top).then(parent.is_not_null()).otherwise(~has_parent),
        ),
    )


def description_suite() -> tuple[RowCount, ...]:
    """Return the rules on the names of clusters, over the table CLUSTERS."""
    level, name = pl.col("level"), pl.col("description")
    end = pl.concat_str(pl.lit(" "), pl.col("distinction"))
    return (
        _some("description", "there are clusters to describe"),
        RowCount("description", "every cluster has a description", NAME_REMEDY, name.is_null()),
        RowCount(
            "description",
            "a description has letters or digits",
            NAME_REMEDY,
            ~name.str.contains(r"[\p{L}\p{N}]"),
        ),
        RowCount(
            "description",
            "a description is one line without blanks at its ends",
            NAME_REMEDY,
            (name.str.strip_chars() != name) | name.str.contains(r"[\p{Cc}]"),
        ),
        RowCount(
            "description",
            f"a description has at most {MAX_DESCRIPTION} characters",
            "lower clusters.description.max_words",
            name.str.len_chars() > MAX_DESCRIPTION,
        ),
        RowCount(
            "distinction",
            "a distinction is the end of its description, from a word on",
            TREE_REMEDY,
            ~name.str.ends_with(end),
        ),
        RowCount(
            "description",
            "no two clusters of a level share a description",
            NAME_REMEDY,
            pl.struct(level, name).is_duplicated(),
        ),
    )


def item_cluster_suite(clusters: pl.DataFrame, items: pl.Series) -> tuple[RowCount, ...]:
    """Return the rules on the assignment of items.

    Args:
        clusters: the table CLUSTERS.
        items: ids of the catalogue.
    """
    level, cluster, item = pl.col("level"), pl.col("cluster_id"), pl.col("item_id")
    n_rows = len(items) * clusters["level"].n_unique()
    return (
        _some("item_clusters", "items are assigned"),
        *declared_counts(ITEM_CLUSTERS),
        RowCount(
            "cluster_id",
            "an item's cluster is one of the tree",
            TREE_REMEDY,
            ~pl.struct(level, cluster).is_in(_keys_of(clusters)),
        ),
        RowCount(
            "item_id", "an item is one of the catalogue", TREE_REMEDY, ~item.is_in(items.implode())
        ),
        RowCount(
            "item_id",
            "an item has one cluster in each level",
            TREE_REMEDY,
            pl.struct(item, level).is_duplicated(),
        ),
        RowCount(
            "item_id",
            "every item has a cluster in every level",
            TREE_REMEDY,
            pl.lit(True),
            least=n_rows,
            most=n_rows,
        ),
    )


def _some(subject: str, sentence: str) -> RowCount:
    return RowCount(subject, sentence, TREE_REMEDY, pl.lit(True), least=1, most=None)


def _keys_of(clusters: pl.DataFrame) -> pl.Series:
    return clusters.select(pl.struct("level", "cluster_id")).to_series().implode()
