"""The listing of clusters shows every description once, below its parent, with its top items."""

from __future__ import annotations

import polars as pl

from pipelines.clusters.list_clusters import find_top_items, list_clusters

CLUSTERS = pl.DataFrame(
    [
        (0, 0, None, "film", 7, 0.75, None),
        (0, 1, None, "music", 2, 0.25, None),
        (1, 0, 0, "crime drama", 6, 0.5, None),
        (1, 1, 0, "war films", 1, 0.25, "films"),
        (1, 2, 1, "jazz piano", 2, 0.25, None),
    ],
    schema=[
        "level",
        "cluster_id",
        "parent_id",
        "description",
        "n_items",
        "traffic",
        "distinction",
    ],
    orient="row",
)
ITEMS = pl.DataFrame(
    {
        "item_id": list("abcdefghi"),
        "title": ["A", "B", "C", "D", "E", "F|<F>\nF", "G", "H", "x" * 80],
        "traffic": [1, 5, 5, 2, 3, 9, 4, 0, 1],
    }
)
LEAVES = [0, 0, 0, 0, 0, 0, 1, 2, 2]
ITEM_CLUSTERS = pl.DataFrame(
    [(item, 1, leaf) for item, leaf in zip("abcdefghi", LEAVES, strict=True)]
    + [(item, 0, int(leaf == 2)) for item, leaf in zip("abcdefghi", LEAVES, strict=True)],
    schema=["item_id", "level", "cluster_id"],
    orient="row",
)


def listing() -> str:
    return "\n".join(list_clusters(CLUSTERS, find_top_items(ITEM_CLUSTERS, ITEMS)))


def test_top_items_come_by_traffic_then_by_id_at_most_five() -> None:
    tops = find_top_items(ITEM_CLUSTERS, ITEMS)
    first = tops.filter((pl.col("level") == 1) & (pl.col("cluster_id") == 0))
    assert first["titles"][0].to_list() == ["F|<F>\nF", "B", "C", "E", "D"]


def test_every_cluster_stands_once_below_its_parent() -> None:
    text = listing()
    order = ["## 0. film", "**crime drama**", "**war · films**", "## 1. music", "**jazz piano**"]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert all(text.count(part) == 1 for part in order)
    assert "7 items, 75.0% of the traffic. F/‹F› F; B; C; G; E" in text


def test_titles_cannot_break_the_table() -> None:
    rows = [line for line in listing().splitlines() if line.startswith("| ")]
    assert {line.count("|") for line in rows} == {6}
    assert f"{'x' * 59}…" in listing()
