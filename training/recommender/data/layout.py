"""The order of items in the model: by serving cluster, so that a cluster is one block of rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from expectations.contracts.errors import UserError
from expectations.contracts.values import PADDING_INDEX

FIRST_ITEM = PADDING_INDEX + 1
"""Embedding index of the first item; the rows before it are padding."""


@dataclass(frozen=True)
class ItemLayout:
    """Items in the order of the embedding matrix, which is the order of their clusters.

    An item's *row* is its position here, as in matrices of items; its embedding *index* is one
    more, since the padding comes first. Build it with :func:`arrange_items`.

    Attributes:
        item_ids: by cluster, then by id; length ``n_items``.
        block_starts: cluster ``c`` fills the rows ``block_starts[c]`` up to
            ``block_starts[c + 1]``; int64 ``[n_clusters + 1]``.
    """

    item_ids: tuple[str, ...]
    block_starts: np.ndarray

    @property
    def n_items(self) -> int:
        """Items in the catalogue."""
        return len(self.item_ids)

    @property
    def n_clusters(self) -> int:
        """Clusters at the serving level."""
        return len(self.block_starts) - 1

    @cached_property
    def cluster_of_row(self) -> np.ndarray:
        """The cluster of each row, int64 ``[n_items]``."""
        return np.repeat(np.arange(self.n_clusters), np.diff(self.block_starts))

    @cached_property
    def index_of(self) -> dict[str, int]:
        """The embedding index of each item id."""
        return {item: index for index, item in enumerate(self.item_ids, start=FIRST_ITEM)}

    @cached_property
    def frame(self) -> pl.DataFrame:
        """Columns item_id and index (Int32), for joins."""
        indices = np.arange(FIRST_ITEM, FIRST_ITEM + self.n_items, dtype=np.int32)
        return pl.DataFrame({"item_id": self.item_ids, "index": indices})

    def rows_of(self, items: Iterable[str]) -> np.ndarray:
        """Return the rows of those items that the catalogue holds, int64, in the given order."""
        known = self.index_of
        rows = [known[item] - FIRST_ITEM for item in items if item in known]
        return np.array(rows, dtype=np.int64)

    def lazy_rows_of(self, items: AbstractSet[str]) -> AbstractSet[int]:
        """Return the same as a set that looks an item up only when its row is asked for."""
        return _LazyRows(self, items)

    def save(self, file: Path) -> None:
        """Write the layout as Parquet: item_id and cluster_id in order of row."""
        columns = {"item_id": self.item_ids, "cluster_id": self.cluster_of_row}
        pl.DataFrame(columns).write_parquet(file)

    @classmethod
    def load(cls, file: Path, n_clusters: int) -> ItemLayout:
        """Return the layout that :meth:`save` wrote.

        Raises:
            UserError: the file's order is not that of a layout.
        """
        frame = pl.read_parquet(file)
        item_ids = frame["item_id"].to_list()
        layout = arrange_items(item_ids, frame["cluster_id"].to_numpy(), n_clusters)
        if list(layout.item_ids) != item_ids:
            raise UserError(str(file), "items are in order of their cluster", "train it again")
        return layout


def arrange_items(
    item_ids: Sequence[str], cluster_of_item: np.ndarray, n_clusters: int
) -> ItemLayout:
    """Return the layout of a catalogue.

    Args:
        item_ids: distinct, in any order.
        cluster_of_item: the serving cluster of each, ints ``[n_items]`` below ``n_clusters``.
        n_clusters: clusters at the serving level; one may be without items.
    """
    ids = np.array(item_ids, dtype=object)
    clusters = np.asarray(cluster_of_item, dtype=np.int64)
    by_id = np.argsort(ids, kind="stable")
    order = by_id[np.argsort(clusters[by_id], kind="stable")]
    sizes = np.bincount(clusters, minlength=n_clusters)
    return ItemLayout(
        item_ids=tuple(str(item) for item in ids[order]),
        block_starts=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
    )


@dataclass(frozen=True, eq=False)
class _LazyRows(AbstractSet[int]):
    layout: ItemLayout
    items: AbstractSet[str]

    def __contains__(self, row: object) -> bool:
        return isinstance(row, int) and self.layout.item_ids[row] in self.items

    def isdisjoint(self, other: Iterable[int]) -> bool:
        return self.items.isdisjoint(map(self.layout.item_ids.__getitem__, other))

    def __iter__(self) -> Iterator[int]:
        rows: list[int] = self.layout.rows_of(self.items).tolist()
        return iter(rows)

    def __len__(self) -> int:
        return len(self.layout.rows_of(self.items))
