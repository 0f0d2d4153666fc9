"""Items ordered by cluster: every cluster one block, every item findable."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.contracts.errors import UserError
from expectations.contracts.values import PADDING_INDEX
from training.recommender.data.layout import arrange_items


@given(st.lists(st.integers(0, 5), max_size=40), st.randoms(use_true_random=False))
def test_a_cluster_is_one_block(clusters: list[int], random: object) -> None:
    ids = [f"item {n}" for n in range(len(clusters))]
    random.shuffle(ids)  # type: ignore[attr-defined]
    layout = arrange_items(ids, np.array(clusters, dtype=np.int64), 6)

    assert sorted(layout.item_ids) == sorted(ids)
    cluster_of = dict(zip(ids, clusters, strict=True))
    for cluster in range(6):
        block = range(*layout.block_starts[cluster : cluster + 2])
        assert {layout.item_ids[p] for p in block} == {i for i in ids if cluster_of[i] == cluster}
    assert [cluster_of[item] for item in layout.item_ids] == layout.cluster_of_row.tolist()


def test_order_does_not_depend_on_the_order_given() -> None:
    one = arrange_items(["b", "a", "c"], np.array([1, 1, 0]), 2)
    other = arrange_items(["c", "b", "a"], np.array([0, 1, 1]), 2)
    assert one.item_ids == other.item_ids == ("c", "a", "b")


def test_padding_is_no_item() -> None:
    layout = arrange_items(["a", "b"], np.array([0, 0]), 1)
    assert PADDING_INDEX not in layout.index_of.values()
    assert layout.frame["index"].to_list() == [1, 2]
    assert layout.rows_of(["b", "stranger", "a"]).tolist() == [1, 0]


def test_saved_and_loaded_alike_but_not_when_reordered(tmp_path: Path) -> None:
    layout = arrange_items(["a", "b", "c"], np.array([2, 0, 0]), 4)
    file = tmp_path / "items.parquet"
    layout.save(file)
    loaded = type(layout).load(file, 4)
    assert loaded.item_ids == layout.item_ids
    assert loaded.block_starts.tolist() == [0, 2, 2, 3, 3]

    pl.read_parquet(file).reverse().write_parquet(file)
    with pytest.raises(UserError, match="order of their cluster"):
        type(layout).load(file, 4)


def test_lazy_rows_are_the_rows_of_known_items() -> None:
    layout = arrange_items(["c", "a", "b"], np.array([0, 1, 1]), 2)
    lazy = layout.lazy_rows_of({"b", "c", "stranger"})
    assert (set(lazy), len(lazy)) == ({0, 2}, 2)
    assert [row for row in range(3) if row in lazy] == [0, 2]
    assert lazy.isdisjoint([1])
    assert not lazy.isdisjoint([1, 2])
