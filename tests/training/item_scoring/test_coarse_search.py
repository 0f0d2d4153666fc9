"""A coarse search leaves few items, and the best are always among them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from training.item_scoring.coarse_search import CoarseSearch

NOTHING = np.empty(0, dtype=np.int64)
NO_BONUS = (NOTHING, np.empty(0, dtype=np.float32))
NUMBERS = st.floats(-100, 100, width=32) | st.sampled_from([0.0, 1e-6, -1e-6])
VECTORS = st.integers(1, 30).flatmap(lambda n: arrays(np.float32, (n, 4), elements=NUMBERS))


@given(VECTORS, arrays(np.float32, 4, elements=NUMBERS), st.integers(1, 8), st.data())
def test_the_best_are_never_lost(
    vectors: np.ndarray, state: np.ndarray, k: int, data: st.DataObject
) -> None:
    n_items = len(vectors)
    places = st.sets(st.integers(0, n_items - 1)).map(lambda s: np.array(sorted(s), dtype=np.int64))
    at, barred = data.draw(places), data.draw(places)
    values = data.draw(arrays(np.float32, len(at), elements=st.floats(0, 5, width=32)))
    left = CoarseSearch(vectors).narrow(state, k, (at, values), barred)
    if left is None:
        assert not state.any() or k > n_items - len(barred)
        return
    scores = vectors.astype(np.float64) @ state.astype(np.float64)
    scores[at] += values
    scores[barred] = -np.inf
    kth = np.sort(scores)[::-1][k - 1]
    assert set(np.flatnonzero(scores >= kth)) <= set(left.tolist())
    assert not set(barred.tolist()) & set(left.tolist())


@pytest.mark.parametrize("k", [1, 10, 100])
def test_few_are_left(k: int) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((50_000, 64), dtype=np.float32)
    state = rng.standard_normal(64, dtype=np.float32)
    left = CoarseSearch(vectors).narrow(state, k, NO_BONUS, NOTHING)
    assert left is not None
    assert k <= len(left) < 10 * k + 50
    best = np.argsort(-(vectors @ state), kind="stable")[:k]
    assert set(best.tolist()) <= set(left.tolist())


def test_what_it_cannot_tell_is_left_to_exact_scoring() -> None:
    search = CoarseSearch(np.eye(3, dtype=np.float32))
    assert search.narrow(np.zeros(3, dtype=np.float32), 1, NO_BONUS, NOTHING) is None
    assert search.narrow(np.ones(3, dtype=np.float32), 4, NO_BONUS, NOTHING) is None
