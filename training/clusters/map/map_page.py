"""Writes the page with the map of clusters: one file that opens anywhere, without a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
import polars as pl

from training.clusters.cluster_name import read_names
from training.clusters.map.map_layout import HEIGHT, WIDTH, ClusterMap, lay_out_clusters
from training.clusters.representation.represent import Representation
from training.clusters.tree.tree import ClusterTree

TEMPLATE = Path(__file__).with_name("map_page.html")
TOP_ITEMS = 8
"""Titles that a name is judged by; they fit beside the map."""
GOLDEN_ANGLE = 137.508
"""Degrees: hues of any number of families stay apart."""
FIRST_HUE = 215.0
"""Degrees, a blue."""


@dataclass(frozen=True)
class MappedCluster:
    """What the page tells of one cluster.

    Attributes:
        cluster_id: id at the level shown.
        name: its name, as people read it.
        broader: names of its ancestors, broadest first.
        family: id at the broadest level, which decides the colour.
        n_items: items in it.
        traffic: share of the training interactions.
        top_items: titles of its most popular items.
    """

    cluster_id: int
    name: str
    broader: tuple[str, ...]
    family: int
    n_items: int
    traffic: float
    top_items: tuple[str, ...]


def write_map(
    tree: ClusterTree,
    clusters: pl.DataFrame,
    items: pl.DataFrame,
    representation: Representation,
    level: int,
) -> str:
    """Return the page of one level.

    Args:
        tree: the tree.
        clusters: its table CLUSTERS.
        items: the table ITEMS, ascending.
        representation: what was clustered.
        level: the one to show; colours are those of the broadest level.
    """
    lines = _trace_ancestors(tree, level)
    ancestors = [centres[line] for centres, line in zip(tree.centres, lines, strict=False)]
    shown = clusters.filter(pl.col("level") == level).sort("cluster_id")
    positions = lay_out_clusters(
        tree.centres[level], ancestors[:-1], shown["traffic"].cast(pl.Float64).to_numpy()
    )
    names = [_read_shown(clusters, depth) for depth in range(level + 1)]
    top = _find_top_items(tree.labels[level], items["title"], representation.traffic)
    mapped = [
        MappedCluster(
            cluster_id=row["cluster_id"],
            name=names[level][row["cluster_id"]],
            broader=tuple(
                names[depth][int(line[row["cluster_id"]])] for depth, line in enumerate(lines[:-1])
            ),
            family=int(lines[0][row["cluster_id"]]),
            n_items=row["n_items"],
            traffic=row["traffic"],
            top_items=top[row["cluster_id"]],
        )
        for row in shown.iter_rows(named=True)
    ]
    return render_page(mapped, positions, names[0])


def render_page(
    clusters: Sequence[MappedCluster], positions: ClusterMap, families: list[str]
) -> str:
    """Return the page as HTML; every text is escaped.

    Args:
        clusters: by id.
        positions: of the same clusters.
        families: names of the broadest level, by id.
    """
    parts = {
        "<!--SUMMARY-->": f"{len(clusters)} interests, {sum(c.n_items for c in clusters):,} items",
        "<!--VIEW-->": f"0 0 {WIDTH:.0f} {HEIGHT:.0f}",
        "<!--CIRCLES-->": "\n".join(
            _draw(cluster, positions, row) for row, cluster in enumerate(clusters)
        ),
        "<!--LEGEND-->": "\n".join(_legend(family, name) for family, name in enumerate(families)),
        "<!--ROWS-->": "\n".join(
            _row(cluster) for cluster in sorted(clusters, key=lambda c: (-c.traffic, c.cluster_id))
        ),
    }
    page = TEMPLATE.read_text(encoding="utf-8")
    for marker, content in parts.items():
        page = page.replace(marker, content)
    return page


def _read_shown(clusters: pl.DataFrame, level: int) -> list[str]:
    """Return the names of a level's clusters, by id."""
    nodes = clusters.filter(pl.col("level") == level).sort("cluster_id")
    return [name.shown for name in read_names(nodes)]


def _trace_ancestors(tree: ClusterTree, level: int) -> list[np.ndarray]:
    """Return, per level down to this one, the ancestor of each of its clusters."""
    lines = [np.arange(len(tree.centres[level]))]
    for depth in range(level, 0, -1):
        lines.insert(0, tree.parents[depth][lines[0]])
    return lines


def _find_top_items(
    labels: np.ndarray, titles: pl.Series, traffic: np.ndarray
) -> list[tuple[str, ...]]:
    listed = (
        pl.DataFrame({"cluster": labels, "title": titles, "traffic": traffic})
        .with_row_index("row")
        .sort(["cluster", "traffic", "row"], descending=[False, True, False])
        .group_by("cluster", maintain_order=True)
        .agg(pl.col("title").head(TOP_ITEMS))
    )
    return [tuple(found) for found in listed["title"].to_list()]


def _hue(family: int) -> str:
    return f"{(FIRST_HUE + GOLDEN_ANGLE * family) % 360:.0f}"


def _draw(cluster: MappedCluster, positions: ClusterMap, row: int) -> str:
    x, y, radius = positions.x[row], positions.y[row], positions.radius[row]
    told = f"{cluster.name}: {cluster.n_items:,} items, {cluster.traffic:.1%} of the traffic"
    return (
        f'<g class="cluster" data-id="{cluster.cluster_id}" data-family="{cluster.family}" '
        f'tabindex="0" role="button" aria-label="{escape(told)}" '
        f'style="--hue:{_hue(cluster.family)}">'
        f'<circle cx="{x}" cy="{y}" r="{radius}"/></g>'
    )


def _legend(family: int, name: str) -> str:
    return (
        f'<button type="button" data-family="{family}" aria-pressed="false" '
        f'style="--hue:{_hue(family)}"><i></i>{escape(name)}</button>'
    )


def _row(cluster: MappedCluster) -> str:
    titles = "".join(f"<li>{escape(title)}</li>" for title in cluster.top_items)
    return (
        f'<tr data-id="{cluster.cluster_id}" style="--hue:{_hue(cluster.family)}">'
        f'<th scope="row"><i></i>{escape(cluster.name)}</th>'
        f"<td>{' › '.join(map(escape, cluster.broader))}</td>"
        f"<td>{cluster.cluster_id}</td><td>{cluster.n_items:,}</td><td>{cluster.traffic:.2%}</td>"
        f"<td><ol>{titles}</ol></td></tr>"
    )
