"""A recommender of a team's own: the documented ALS answers as a mask over its scores would."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worlds import recommender as world
from tests.worlds.online.own_recommender import make_als
from training.recommender.data.layout import FIRST_ITEM
from training.recommender.protocol import BatchRecommender, Recommender

ITEMS = st.sampled_from(world.make_layout().item_ids)


@pytest.fixture(scope="module")
def als(compiled_search: None) -> Recommender:
    return make_als(world.walk(200, 8, noise=0, seed=0), world.make_layout())


def test_one_method_is_enough(als: Recommender) -> None:
    assert isinstance(als, Recommender)
    assert not isinstance(als, BatchRecommender)


def test_it_has_learned_the_rings(als: Recommender) -> None:
    """Nobody ever left a ring, so what goes best with half of one is of the rest."""
    recent = [world.item_name(2, position) for position in range(world.RING // 2)]
    best = als.top_items(recent, None, set(recent), 3)
    assert [item.cluster_id for item in best] == [2, 2, 2]


@given(
    st.lists(ITEMS, min_size=1, max_size=5),
    st.none() | st.lists(st.integers(0, world.N_CLUSTERS - 1)),
    st.frozensets(ITEMS),
    st.integers(1, 12),
)
def test_restriction_is_a_mask(
    als: Recommender, recent: list[str], clusters: list[int] | None, excluded: set[str], k: int
) -> None:
    layout = world.make_layout()
    scores = np.full(layout.n_items, -np.inf)
    for scored in als.top_items(recent, None, set(), layout.n_items):
        scores[layout.index_of[scored.item_id] - FIRST_ITEM] = scored.score
    open_rows = [
        row
        for row, item in enumerate(layout.item_ids)
        if item not in excluded and (clusters is None or layout.cluster_of_row[row] in clusters)
    ]
    expected = np.sort(scores[open_rows])[::-1][:k]
    found = als.top_items(recent, clusters, excluded, k)
    assert [item.score for item in found] == pytest.approx(expected.tolist(), abs=1e-5)
    rows = layout.rows_of([item.item_id for item in found]).tolist()
    assert set(rows) <= set(open_rows)
    assert [layout.cluster_of_row[row] for row in rows] == [i.cluster_id for i in found]


def test_a_stranger_has_no_items(als: Recommender) -> None:
    assert als.top_items(["stranger"], None, set(), 3) == []
