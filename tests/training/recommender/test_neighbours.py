"""The counting model: every pair once, weighed by distance, order and likes; memory bounded."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.recommender import neighbours
from training.recommender.config import NeighbourConfig
from training.recommender.data import Sequences
from training.recommender.layout import FIRST_ITEM
from training.recommender.neighbours import SequentialNeighbours, fit_neighbours

N_ITEMS = 6
Log = list[list[int]]
PLAIN = NeighbourConfig(earlier_power=0, later_power=0)

logs = st.lists(
    st.lists(st.integers(0, N_ITEMS - 1), min_size=1, max_size=9), min_size=1, max_size=8
)
configs = st.builds(
    NeighbourConfig,
    window=st.integers(1, 9),
    step_decay=st.sampled_from([0.5, 0.9, 1.0]),
    backward=st.sampled_from([0.0, 0.5, 1.0]),
    earlier_power=st.sampled_from([0.0, 0.3, 1.0]),
    later_power=st.sampled_from([0.0, 0.2, 1.0]),
    history_decay=st.sampled_from([0.5, 1.0]),
)


def sequences_of(places: Log) -> Sequences:
    return Sequences.of([[place + FIRST_ITEM for place in row] for row in places])


def count_one_by_one(log: Log, config: NeighbourConfig) -> np.ndarray:
    counts = np.zeros((N_ITEMS, N_ITEMS))
    for row in log:
        for first, earlier in enumerate(row):
            for step, later in enumerate(row[first + 1 : first + 1 + config.window]):
                if earlier != later:
                    counts[earlier, later] += config.step_decay**step
                    counts[later, earlier] += config.step_decay**step * config.backward
    likes = np.bincount([place for row in log for place in row], minlength=N_ITEMS).clip(min=1)
    scale = likes[:, None] ** -config.earlier_power * likes[None] ** -config.later_power
    return counts * scale


@given(logs, configs)
def test_weights_are_those_of_counting_one_by_one(log: Log, config: NeighbourConfig) -> None:
    fitted = fit_neighbours(sequences_of(log), N_ITEMS, config)
    assert fitted.weights.toarray() == pytest.approx(count_one_by_one(log, config), rel=1e-5)


@given(logs, logs, configs)
def test_scores_are_shares_of_what_the_history_leads_to(
    log: Log, histories: Log, config: NeighbourConfig
) -> None:
    fitted = fit_neighbours(sequences_of(log), N_ITEMS, config)
    scores = fitted.find_shares(sequences_of(histories))
    expected = np.zeros((len(histories), N_ITEMS))
    weights = count_one_by_one(log, config)
    for user, history in enumerate(histories):
        for age, place in enumerate(reversed(history)):
            if config.history_decay**age >= neighbours.FAINTEST:
                expected[user] += config.history_decay**age * weights[place]
    totals = expected.sum(axis=1, keepdims=True)
    assert scores.has_sorted_indices
    assert scores.toarray() == pytest.approx(
        np.divide(expected, totals, out=np.zeros_like(expected), where=totals > 0), abs=1e-5
    )


def test_a_pair_counts_less_backwards_and_less_further_apart() -> None:
    config = PLAIN.model_copy(update={"step_decay": 0.5, "backward": 0.25})
    weights = fit_neighbours(sequences_of([[0, 1, 2]]), N_ITEMS, config).weights.toarray()
    assert weights[0, 1] == 1.0
    assert weights[0, 2] == 0.5
    assert weights[1, 0] == 0.25
    assert weights[2, 0] == 0.125


def test_counting_in_small_spans_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    log = np.random.default_rng(0).integers(0, N_ITEMS, (40, 7)).tolist()
    whole = fit_neighbours(sequences_of(log), N_ITEMS, PLAIN).weights
    monkeypatch.setattr(neighbours, "PAIRS_AT_ONCE", 2 * PLAIN.window * 15)
    pieces = fit_neighbours(sequences_of(log), N_ITEMS, PLAIN).weights
    assert pieces.toarray() == pytest.approx(whole.toarray(), rel=1e-5)


def test_only_the_heaviest_neighbours_are_kept_the_earlier_place_of_equal_ones() -> None:
    config = PLAIN.model_copy(update={"max_neighbours": 2, "window": 1})
    log = [[0, 1], [0, 1], [0, 4], [0, 2]]
    weights = fit_neighbours(sequences_of(log), N_ITEMS, config).weights.toarray()
    assert np.flatnonzero(weights[0]).tolist() == [1, 2]


def test_memory_is_bounded_while_counting_and_the_heaviest_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(neighbours, "CELLS_KEPT", 2 * N_ITEMS)
    monkeypatch.setattr(neighbours, "PAIRS_AT_ONCE", 2 * PLAIN.window)
    log = [[0, 1]] * 5 + [[0, 2], [0, 3], [0, 4]]
    weights = fit_neighbours(sequences_of(log), N_ITEMS, PLAIN).weights
    assert np.argmax(weights.toarray()[0]) == 1
    assert weights.nnz <= 2 * N_ITEMS


def test_saved_and_loaded_weights_are_equal(tmp_path: Path) -> None:
    fitted = fit_neighbours(sequences_of([[0, 1, 2, 3], [3, 1]]), N_ITEMS, PLAIN)
    fitted.save(tmp_path / "file")
    loaded = SequentialNeighbours.load(tmp_path / "file", N_ITEMS, PLAIN)
    assert (loaded.weights != fitted.weights).nnz == 0
    with pytest.raises(ValueError, match="index"):
        SequentialNeighbours.load(tmp_path / "file", N_ITEMS - 3, PLAIN)
