"""Cold items: planted twins of known items, which nobody liked, are found by what they say."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
import torch

from tests.worlds import recommender as world
from training.recommender.config import NeighbourConfig
from training.recommender.data.histories import read_sequences
from training.recommender.data.layout import FIRST_ITEM, ItemLayout, arrange_items
from training.recommender.fitting.fit import choose_n_epochs, fit_recommender
from training.recommender.fitting.validation import find_validation_cases
from training.recommender.model.item_text import embed_cold_items
from training.recommender.model.recommender import SequenceRecommender

TWINS = {f"twin of {item}": item for item in ("i02a", "i05b", "i07c", "i09d")}
SILENT = "i99a"
"""Cold as well, and without any text."""
N_WORDS = 400
ALONE = world.SMALL.model_copy(update={"neighbours": NeighbourConfig(weight=0)})
"""The transformer without the counting model, which has nothing to say of cold items."""


@pytest.fixture(scope="module")
def layout() -> ItemLayout:
    """The chain world's items, the twins in their items' clusters, and the silent one."""
    known = world.make_layout()
    ids = [*known.item_ids, *TWINS, SILENT]
    clusters = [*known.cluster_of_row, *("abcd".index(item[-1]) for item in TWINS.values()), 0]
    return arrange_items(ids, np.array(clusters), world.N_CLUSTERS)


@pytest.fixture(scope="module")
def text(layout: ItemLayout) -> np.ndarray:
    """Texts that tell items apart: random directions; a twin's is nearly that of its item."""
    rng = np.random.default_rng(0)
    of_known = {item: rng.normal(size=N_WORDS) for item in world.make_layout().item_ids}
    rows = []
    for item in layout.item_ids:
        said = of_known.get(TWINS.get(item, item), np.zeros(N_WORDS))
        said = said + (rng.normal(0, 0.1, N_WORDS) if item in TWINS else 0)
        rows.append(said / max(np.linalg.norm(said), 1e-9))
    return np.array(rows, dtype=np.float32)


def fit(layout: ItemLayout, text: np.ndarray | None) -> SequenceRecommender:
    log = world.make_interactions(world.walk(150, 10, noise=0.1, seed=0))
    _, sequences = read_sequences(log, layout, world.START + timedelta(days=1))
    return fit_recommender(sequences, layout, ALONE, 0, text=text)


def rank_after(recommender: SequenceRecommender, item: str, wanted: str) -> int:
    """Return the rank of ``wanted``, from 1, after the two items that lead to ``item``."""
    before = world.item_name("abcd".index(item[-1]), int(item[1:3]) - 1)
    earlier = world.item_name("abcd".index(item[-1]), int(item[1:3]) - 2)
    ranked = recommender.top_items([before, earlier], None, {before, earlier}, 100)
    return [found.item_id for found in ranked].index(wanted) + 1


def test_a_twin_ranks_beside_its_item_and_nothing_else_moves(
    layout: ItemLayout, text: np.ndarray
) -> None:
    """Of 45 items a twin comes within the first three; without its text it comes late."""
    blind, seeing = fit(layout, None), fit(layout, text)
    assert max(rank_after(seeing, item, twin) for twin, item in TWINS.items()) <= 3
    assert min(rank_after(blind, item, twin) for twin, item in TWINS.items()) > 5
    others = [row for row, item in enumerate(layout.item_ids) if item not in TWINS]
    before, after = blind.model.item_vectors(), seeing.model.item_vectors()
    assert torch.equal(before[others], after[others])  # the silent one among them
    for name, weight in blind.model.state_dict().items():
        assert name == "items.weight" or torch.equal(weight, seeing.model.state_dict()[name])


def test_choosing_embeds_them_too(layout: ItemLayout, text: np.ndarray) -> None:
    log = world.make_interactions(world.walk(60, 10, noise=0.1, seed=0))
    window = (world.START + timedelta(hours=7), world.START + timedelta(hours=10))
    _, sequences = read_sequences(log, layout, window[0])
    cases = find_validation_cases(log, layout, *window, 40, np.random.default_rng(0))
    config = ALONE.model_copy(update={"max_epochs": 1})
    found = [
        choose_n_epochs(sequences, cases, layout, config, 0, lambda epoch: None, text=said)[1]
        for said in (None, text)
    ]
    changed = (found[0].model.items.weight != found[1].model.items.weight).any(dim=1)
    expected = {layout.index_of[twin] for twin in TWINS}
    assert set(changed.nonzero().flatten().tolist()) == expected


def test_an_item_points_where_its_text_does(layout: ItemLayout) -> None:
    """One word each: a regression on single words gives a word's item the direction it has."""
    recommender = fit(layout, None)
    words = np.zeros((layout.n_items, layout.n_items), dtype=np.float32)
    originals = {item: layout.index_of[item] - FIRST_ITEM for item in layout.item_ids}
    for row, item in enumerate(layout.item_ids):
        words[row, originals[TWINS.get(item, item)]] = 1
    likes = np.array([item not in TWINS for item in layout.item_ids]) * 100
    embed_cold_items(recommender.model, likes, words)
    vectors = recommender.model.item_vectors()
    for twin, item in TWINS.items():
        torch.testing.assert_close(vectors[originals[twin]], vectors[originals[item]])
