"""Each baseline on a world whose answer can be counted by hand."""

from __future__ import annotations

import numpy as np

from training.item_evaluation.baselines import (
    count_popularity,
    fit_item_neighbours,
    fit_sequential_neighbours,
)
from training.recommender.data import Sequences
from training.recommender.layout import arrange_items

LAYOUT = arrange_items(["a", "b", "c", "d"], np.zeros(4, dtype=np.int64), 1)
# embedding indices: a 1, b 2, c 3, d 4
SEQUENCES = Sequences.of([[1, 2, 3], [1, 2], [4, 3], [2, 4]])


def test_popularity_is_the_same_for_everybody() -> None:
    scores = count_popularity(SEQUENCES, LAYOUT).score_batch([["a"], []])
    assert scores.tolist() == [[2, 3, 2, 2]] * 2


def test_item_neighbours_know_no_direction() -> None:
    scores = fit_item_neighbours(SEQUENCES, LAYOUT).score_batch([["b"], ["stranger"]])
    # b stands with a twice, with c and d once; ten interactions of shrinkage
    expected = [2 / np.sqrt(13 * 12), 0, 1 / np.sqrt(13 * 12), 1 / np.sqrt(13 * 12)]
    np.testing.assert_allclose(scores, [expected, [0, 0, 0, 0]], rtol=1e-6)


def test_sequential_neighbours_know_direction_and_distance() -> None:
    neighbours = fit_sequential_neighbours(SEQUENCES, LAYOUT)
    scores = neighbours.score_batch([["a"], ["b"], ["c"]])
    after_a = [0, 2 / np.sqrt(12 * 13), 0.5 / 12, 0]  # b twice at one step, c once at two
    after_b = [0, 0, 1 / np.sqrt(13 * 12), 1 / np.sqrt(13 * 12)]
    np.testing.assert_allclose(scores, [after_a, after_b, [0, 0, 0, 0]], rtol=1e-6)


def test_newer_items_count_more() -> None:
    neighbours = fit_sequential_neighbours(SEQUENCES, LAYOUT)
    both, newest, older = neighbours.score_batch([["a", "b"], ["a"], ["b"]])
    np.testing.assert_allclose(both, newest + 0.7 * older, rtol=1e-6)
