"""The network: causal, blind to padding, unit vectors, seeded."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.recommender.config import RecommenderConfig
from training.recommender.data.layout import arrange_items
from training.recommender.model.model import drop, make_model

CONFIG = RecommenderConfig(dimension=8, n_layers=2, n_heads=2, max_length=6, dropout=0.5)
LAYOUT = arrange_items([f"i{n:02d}" for n in range(20)], np.arange(20) // 5, 4)


def make(seed: int = 0) -> torch.nn.Module:
    return make_model(LAYOUT, CONFIG, torch.Generator().manual_seed(seed))


def test_a_state_sees_neither_later_items_nor_padding() -> None:
    model = make()
    whole = model(torch.tensor([[3, 7, 1, 9]]))
    altered = model(torch.tensor([[3, 7, 20, 5]]))
    padded = model(torch.tensor([[3, 7, 0, 0]]))
    torch.testing.assert_close(whole[:, :2], altered[:, :2])
    torch.testing.assert_close(whole[:, :2], padded[:, :2])
    assert not torch.allclose(whole[:, 2:], altered[:, 2:])


def test_order_matters() -> None:
    model = make()
    forth, back = model(torch.tensor([[1, 2, 3], [2, 1, 3]]))
    assert not torch.allclose(forth[-1], back[-1])


def test_vectors_are_of_length_one() -> None:
    model = make()
    torch.testing.assert_close(model(torch.tensor([[3, 7]])).norm(dim=-1), torch.ones(1, 2))
    assert model.item_vectors().shape == (20, 8)
    torch.testing.assert_close(model.item_vectors().norm(dim=-1), torch.ones(20))


def test_more_positions_than_learned_are_refused() -> None:
    with pytest.raises(ValueError, match="7 positions, 6 at most"):
        make()(torch.ones(1, 7, dtype=torch.int64))


def test_weights_and_dropout_come_from_the_generator_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    one, other = make(seed=5), make(seed=5)
    rows = torch.tensor([[3, 7, 1]])
    dropped = [m(rows, torch.Generator().manual_seed(1)) for m in (one, other)]
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(dropped[0], dropped[1])
    assert not torch.equal(dropped[0], one(rows))
    assert not torch.equal(one(rows), make(seed=6)(rows))


def test_drop_keeps_the_mean() -> None:
    """Of 10,000 ones a quarter is dropped: the mean's standard error is .0058."""
    dropped = drop(torch.ones(10_000), 0.25, torch.Generator().manual_seed(0))
    assert sorted(set(dropped.tolist())) == pytest.approx([0, 4 / 3])
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.025)
    assert torch.equal(drop(torch.ones(3), 0.25, None), torch.ones(3))


def test_heads_must_divide_the_dimension() -> None:
    with pytest.raises(ValueError, match="multiple of n_heads"):
        RecommenderConfig(dimension=9, n_heads=2)


def test_items_of_one_cluster_share_a_part() -> None:
    """With the items' own vectors at zero, all items of a cluster are alike, and no others."""
    model = make()
    with torch.no_grad():
        model.items.weight.zero_()
    vectors = model.item_vectors()
    alike = (vectors @ vectors.T) > 1 - 1e-5
    of_item = torch.from_numpy(LAYOUT.cluster_of_row)
    assert torch.equal(alike, of_item[:, None] == of_item)
    torch.testing.assert_close(model(torch.tensor([[1, 6]])), model(torch.tensor([[5, 10]])))
