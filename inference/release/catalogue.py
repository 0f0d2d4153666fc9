"""What a release says of items and of the cluster tree, beside what it recommends by."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import polars as pl

from training.clusters.cluster_name import read_names

FILTERS_KEPT = 64
"""Categories whose items are kept apart; each holds the ids of the items outside it."""


@dataclass(frozen=True)
class TreeNode:
    """A cluster of any level: its place in the tree, its words, and how much lies in it.

    ``parent_id`` is that of the level above; ``None`` at the top, level 0.
    """

    level: int
    cluster_id: int
    parent_id: int | None
    description: str
    name: str
    n_items: int


@dataclass(frozen=True)
class Catalogue:
    """The items of a release as people know them, and its tree.

    Attributes:
        categories: path of each item from broad to narrow; an item without one is not there.
        nodes: of the tree, by level and id.
        item_ids: all of them.
    """

    categories: Mapping[str, tuple[str, ...]]
    nodes: tuple[TreeNode, ...]
    item_ids: tuple[str, ...]

    @classmethod
    def read(cls, titles: Path, clusters: Path) -> Catalogue:
        """Read the tables ITEM_TITLES and CLUSTERS; older releases know of no categories."""
        items = pl.read_parquet(titles)
        categories: dict[str, tuple[str, ...]] = {}
        if "category_path" in items.columns:
            some = items.filter(pl.col("category_path").list.len() > 0)
            categories = dict(zip(some["item_id"], map(tuple, some["category_path"]), strict=True))
        tree = pl.read_parquet(clusters).sort("level", "cluster_id")
        names = read_names(tree)
        columns = ("level", "cluster_id", "parent_id", "description", "n_items")
        nodes = tuple(
            TreeNode(level, cluster, parent, description, name.shown, n_items)
            for name, (level, cluster, parent, description, n_items) in zip(
                names, tree.select(columns).iter_rows(), strict=True
            )
        )
        return cls(categories, nodes, tuple(items["item_id"]))

    def items_outside(self, category: tuple[str, ...]) -> AbstractSet[str]:
        """Return the items whose path does not begin with ``category``."""
        return self._outside(category)

    @cached_property
    def _outside(self) -> _Outside:
        return _Outside(self)


class _Outside:
    """Remembers the items outside a category: to find them goes through the whole catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._find = lru_cache(maxsize=FILTERS_KEPT)(self._search)

    def __call__(self, category: tuple[str, ...]) -> AbstractSet[str]:
        return self._find(category)

    def _search(self, category: tuple[str, ...]) -> AbstractSet[str]:
        paths = self._catalogue.categories
        size = len(category)
        return frozenset(
            item for item in self._catalogue.item_ids if paths.get(item, ())[:size] != category
        )
