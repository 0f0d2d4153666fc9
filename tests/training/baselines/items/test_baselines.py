"""Each baseline on a world whose answer can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from expectations.contracts.errors import UserError
from training.baselines.items.baselines import (
    count_popularity,
    fit_item_neighbours,
    fit_markov_chain,
    fit_sequential_neighbours,
)
from training.baselines.items.ease import choose_penalty, fit_item_ease
from training.evaluation.items.cases import HeldOut
from training.recommender.data.histories import Sequences
from training.recommender.data.layout import arrange_items

LAYOUT = arrange_items(["a", "b", "c", "d"], np.zeros(4, dtype=np.int64), 1)
# embedding indices: a 1, b 2, c 3, d 4
SEQUENCES = Sequences.of([[1, 2, 3], [1, 2], [4, 3], [2, 4]])


def test_popularity_is_the_same_for_everybody() -> None:
    scores = count_popularity(SEQUENCES, LAYOUT).score_sequences(Sequences.of([[1], []]))
    assert scores.tolist() == [[2, 3, 2, 2]] * 2


def test_item_neighbours_know_no_direction() -> None:
    scores = fit_item_neighbours(SEQUENCES, LAYOUT).score_sequences(Sequences.of([[2], []]))
    # b stands with a twice, with c and d once; ten interactions of shrinkage
    expected = [2 / np.sqrt(13 * 12), 0, 1 / np.sqrt(13 * 12), 1 / np.sqrt(13 * 12)]
    np.testing.assert_allclose(scores, [expected, [0, 0, 0, 0]], rtol=1e-6)


def test_sequential_neighbours_know_direction_and_distance() -> None:
    scores = fit_sequential_neighbours(SEQUENCES, LAYOUT).score_sequences(
        Sequences.of([[1], [2], [3]])
    )
    # after a: b twice at one step, c once at two; b is liked thrice, c twice
    after_a = np.array([0, 2 * 3**-0.2, 0.7 * 2**-0.2, 0])
    after_b = np.array([0, 0, 0.5, 0.5])
    np.testing.assert_allclose(scores, [after_a / after_a.sum(), after_b, np.zeros(4)], rtol=1e-6)


def test_a_markov_chain_asks_the_newest_item_then_popularity() -> None:
    scores = fit_markov_chain(SEQUENCES, LAYOUT).score_sequences(Sequences.of([[3, 2], [3], []]))
    expected = [[0.2, 0.3, 1.2, 1.2], [0.2, 0.3, 0.2, 0.2], [0.2, 0.3, 0.2, 0.2]]
    np.testing.assert_allclose(scores, expected, rtol=1e-6)


def test_ease_is_the_least_squares_solution() -> None:
    """Each column of weights is ridge regression on the other items: solved one by one."""
    rng = np.random.default_rng(0)
    layout = arrange_items([f"i{n}" for n in range(6)], np.zeros(6, dtype=np.int64), 1)
    rows = [rng.permutation(6)[:3] for _ in range(30)]
    ease = fit_item_ease(Sequences.of([[*(row + 1), row[0] + 1] for row in rows]), layout, 2.0)
    liked = np.zeros((30, 6))
    for user, row in enumerate(rows):
        liked[user, row] = 1
    for target in range(6):
        others = np.delete(np.arange(6), target)
        inputs = liked[:, others]
        ridge = np.linalg.solve(inputs.T @ inputs + 2 * np.eye(5), inputs.T @ liked[:, target])
        np.testing.assert_allclose(ease.weights[others, target], ridge, atol=1e-6)
        assert ease.weights[target, target] == 0
    scores = ease.score_sequences(Sequences.of([[1, 3, 1], []]))
    np.testing.assert_allclose(scores, [ease.weights[0] + ease.weights[2], np.zeros(6)], rtol=1e-6)


def test_ease_refuses_a_catalogue_that_does_not_fit() -> None:
    layout = arrange_items([f"i{n}" for n in range(15_001)], np.zeros(15_001, dtype=np.int64), 1)
    with pytest.raises(UserError, match=r"at most 15,000 items.*15,001 items"):
        fit_item_ease(SEQUENCES, layout, 100.0)


def test_the_penalty_is_chosen_on_validation() -> None:
    """c and d only ever stand together, so c tells nothing of a that d does not; b is a's alone.

    Next to nothing shrunk, a predicts b; shrunk out of sight, all that counts is how often things
    stand together, and c wins by seven to six.
    """
    sequences = Sequences.of([[1, 2]] * 6 + [[1, 3, 4]] * 7 + [[3, 4]] * 30)
    cases = HeldOut(Sequences.of([[1]]), Sequences.of([[1]]), Sequences.of([[2]]))
    ndcgs = {}
    for penalty in (1e6, 1.0):
        scores = fit_item_ease(sequences, LAYOUT, penalty).score_sequences(cases.histories)[0]
        ndcgs[penalty] = 1.0 if scores.argmax() == 1 else 0.0
    assert ndcgs == {1e6: 0.0, 1.0: 1.0}
    assert choose_penalty(sequences, cases, LAYOUT, [1e6, 1.0]) == 1.0
    assert choose_penalty(sequences, cases, LAYOUT, [1.0, 1e6]) == 1.0
    none = HeldOut(Sequences.of([]), Sequences.of([]), Sequences.of([]))
    assert choose_penalty(sequences, none, LAYOUT, [7.0, 1.0]) == 7.0
