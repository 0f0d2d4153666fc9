"""Every description with its five top items, to read.

The listing is Markdown: the broad clusters as headings, the narrower ones below them, each with
its size, its share of the training traffic, and the items that had most of it.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from expectations.contracts.tables import CLUSTERS, INTERACTIONS, ITEM_CLUSTERS, ITEMS
from pipelines.io import paths
from pipelines.io.artefact_io import read_json, read_table, scan_table
from training.clusters.cluster_name import read_names
from training.clusters.representation.collaborative import count_interactions
from training.curation.timeline import Timeline

TOP_ITEMS = 5
"""Enough titles to judge a name by; what is listed is read by people."""
TITLE_WIDTH = 60
"""Characters, so that a line with five of them can be read."""


def list_built_clusters() -> Iterator[str]:
    """Yield the lines of the listing of the tree that the clusters stage built last."""
    items = read_table(paths.ITEMS, ITEMS).sort("item_id")
    timeline = Timeline.from_json(read_json(paths.TIMELINE))
    traffic = count_interactions(
        scan_table(paths.INTERACTIONS, INTERACTIONS), items["item_id"], timeline.fit_until
    )
    clusters = read_table(paths.CLUSTERS, CLUSTERS)
    tops = find_top_items(
        read_table(paths.ITEM_CLUSTERS, ITEM_CLUSTERS),
        items.select("item_id", "title").with_columns(traffic=pl.Series(traffic)),
    )
    yield from list_clusters(clusters, tops)


def find_top_items(item_clusters: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """Return ``(level, cluster_id, titles)``: the titles with most traffic, at most five.

    Args:
        item_clusters: the table ITEM_CLUSTERS.
        items: ``(item_id, title, traffic)``; ties go by ``item_id``.
    """
    return (
        item_clusters.join(items, on="item_id")
        .sort("level", "cluster_id", "traffic", "item_id", descending=[False, False, True, False])
        .group_by("level", "cluster_id", maintain_order=True)
        .agg(pl.col("title").head(TOP_ITEMS).alias("titles"))
    )


def list_clusters(clusters: pl.DataFrame, tops: pl.DataFrame) -> Iterator[str]:
    """Yield the lines of the listing, the tree from top to bottom.

    Args:
        clusters: the table CLUSTERS.
        tops: from :func:`find_top_items`.
    """
    named = clusters.with_columns(
        shown=pl.Series([name.shown for name in read_names(clusters)], dtype=pl.String)
    )
    nodes = named.join(tops, on=["level", "cluster_id"]).sort("level", "cluster_id")
    deepest = int(nodes["level"].to_numpy().max())
    sizes = nodes.group_by("level", maintain_order=True).len()["len"]
    yield f"Levels: {' > '.join(f'{size:,}' for size in sizes)} clusters."
    yield from _list_below(nodes, nodes.filter(pl.col("level") == 0), deepest)


def _list_below(nodes: pl.DataFrame, siblings: pl.DataFrame, deepest: int) -> Iterator[str]:
    level = siblings["level"][0]
    if level == deepest:
        yield from ("", "| id | description | items | traffic | top items |")
        yield "| ---: | --- | ---: | ---: | --- |"
    for node in siblings.iter_rows(named=True):
        titles = "; ".join(_shorten(title) for title in node["titles"])
        facts = f"{node['n_items']:,} | {100 * node['traffic']:.1f}%"
        if level == deepest:
            yield f"| {node['cluster_id']} | **{node['shown']}** | {facts} | {titles} |"
            continue
        yield from ("", f"{'#' * (level + 2)} {node['cluster_id']}. {node['shown']}", "")
        yield f"{facts.replace(' | ', ' items, ')} of the traffic. {titles}"
        is_child = (pl.col("level") == level + 1) & (pl.col("parent_id") == node["cluster_id"])
        yield from _list_below(nodes, nodes.filter(is_child), deepest)


def _shorten(title: str) -> str:
    """Return a title on one line, without what Markdown would take for the end of a cell."""
    plain = " ".join(title.split()).replace("|", "/").replace("<", "‹").replace(">", "›")
    return plain if len(plain) <= TITLE_WIDTH else plain[: TITLE_WIDTH - 1].rstrip() + "…"
