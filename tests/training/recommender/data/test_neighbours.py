"""The counting model: every pair once, weighed by distance, order and likes, in any pieces."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.recommender.config import NeighbourConfig
from training.recommender.data import neighbours, pair_counts
from training.recommender.data.histories import Sequences
from training.recommender.data.layout import FIRST_ITEM
from training.recommender.data.neighbours import SequentialNeighbours, fit_neighbours

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
    history_decays=st.sampled_from([(0.5,), (1.0,), (0.5, 0.1)]),
)


@pytest.fixture(scope="module", autouse=True)
def compiled_counting() -> None:
    """The first counting is compiled, for which no test's deadline has room."""
    fit_neighbours(sequences_of([[0, 1]]), N_ITEMS, PLAIN).find_shares(sequences_of([[0]]))


def sequences_of(rows: Log) -> Sequences:
    return Sequences.of([[item + FIRST_ITEM for item in row] for row in rows])


def count_one_by_one(log: Log, config: NeighbourConfig) -> np.ndarray:
    counts = np.zeros((N_ITEMS, N_ITEMS))
    for row in log:
        for first, earlier in enumerate(row):
            for step, later in enumerate(row[first + 1 : first + 1 + config.window]):
                if earlier != later:
                    counts[earlier, later] += config.step_decay**step
                    counts[later, earlier] += config.step_decay**step * config.backward
    likes = np.bincount([item for row in log for item in row], minlength=N_ITEMS).clip(min=1)
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
        for age, row in enumerate(reversed(history)):
            recency_weights = config.history_decays[0] ** age
            if recency_weights >= neighbours.MIN_RECENCY_WEIGHT:
                expected[user] += recency_weights * weights[row]
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


@given(logs, st.integers(1, 12))
def test_counting_few_items_at_a_time_gives_the_same(log: Log, events_at_once: int) -> None:
    whole = fit_neighbours(sequences_of(log), N_ITEMS, PLAIN).weights
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pair_counts, "EVENTS_AT_ONCE", events_at_once)
        pieces = fit_neighbours(sequences_of(log), N_ITEMS, PLAIN).weights
    assert (pieces != whole).nnz == 0


@given(st.lists(st.integers(0, 9), min_size=1, max_size=20), st.integers(1, 12))
def test_every_item_is_counted_once_with_no_more_events_at_hand_than_allowed(
    likes: list[int], events_at_once: int
) -> None:
    by_index = np.array([0] * FIRST_ITEM + likes)
    spans = pair_counts._spans(by_index, events_at_once)
    assert [i for span in spans for i in range(*span)] == list(range(FIRST_ITEM, len(by_index)))
    for first, end in spans:
        assert end - first == 1 or by_index[first:end].sum() <= events_at_once


def test_a_log_mapped_from_disk_counts_as_one_in_memory(tmp_path: Path) -> None:
    log = sequences_of(np.random.default_rng(0).integers(0, N_ITEMS, (40, 7)).tolist())
    log.items.tofile(tmp_path / "items")
    mapped = Sequences(np.memmap(tmp_path / "items", np.int32, "r"), log.offsets)
    in_memory = fit_neighbours(log, N_ITEMS, PLAIN).weights
    assert in_memory.nnz
    assert (fit_neighbours(mapped, N_ITEMS, PLAIN).weights != in_memory).nnz == 0


@given(logs, st.integers(1, 4), st.integers(1, 9), st.sampled_from([0.0, 0.5, 1.0]))
def test_the_heaviest_neighbours_are_kept_the_earlier_row_of_equal_ones(
    log: Log, n_kept: int, window: int, backward: float
) -> None:
    """With halves and quarters for weights, which are added up exactly."""
    update = {"window": window, "backward": backward, "step_decay": 0.5}
    config = PLAIN.model_copy(update=update)
    counts = count_one_by_one(log, config)
    order = np.argsort(-counts, axis=1, kind="stable")[:, :n_kept]
    expected = np.zeros_like(counts)
    np.put_along_axis(expected, order, np.take_along_axis(counts, order, 1), 1)
    config = config.model_copy(update={"max_neighbours": n_kept})
    weights = fit_neighbours(sequences_of(log), N_ITEMS, config).weights
    assert weights.toarray().tolist() == expected.tolist()
    assert weights.nnz == np.count_nonzero(expected)
    assert np.all(np.diff(weights.indptr) <= n_kept)


def test_saved_and_loaded_weights_are_equal(tmp_path: Path) -> None:
    fitted = fit_neighbours(sequences_of([[0, 1, 2, 3], [3, 1]]), N_ITEMS, PLAIN)
    fitted.save(tmp_path / "file")
    loaded = SequentialNeighbours.load(tmp_path / "file", N_ITEMS, PLAIN)
    assert (loaded.weights != fitted.weights).nnz == 0
    with pytest.raises(ValueError, match="index"):
        SequentialNeighbours.load(tmp_path / "file", N_ITEMS - 3, PLAIN)


def test_shares_are_those_of_a_product_of_matrices() -> None:
    """In a catalogue of thousands, where a history leads to few of them."""
    rng = np.random.default_rng(0)
    log = sequences_of(rng.integers(0, 3001, (400, 12)).tolist())
    fitted = fit_neighbours(log, 3001, NeighbourConfig())
    histories = sequences_of([rng.integers(0, 3001, n).tolist() for n in (1, 0, 9, 60, 60)])
    found = fitted.find_shares(histories)
    by_age = 0.75 ** np.arange(50)
    by_age = by_age[by_age >= neighbours.MIN_RECENCY_WEIGHT]
    given = np.zeros((len(histories), 3001))
    for row in range(len(histories)):
        for weight, item in zip(by_age, histories[row][::-1], strict=False):
            given[row, item - FIRST_ITEM] += weight
    expected = fitted.weights.T.dot(given.T).T
    expected /= np.maximum(expected.sum(axis=1, keepdims=True), 1e-30)
    assert found.toarray() == pytest.approx(expected, rel=1e-4, abs=1e-9)
    assert 0 < found.nnz < found.shape[1]
    together = fitted.find_bonuses(histories)
    for row, bonus in enumerate(together):
        (alone,) = fitted.find_bonuses(histories.take(np.array([row])))
        assert alone.rows.tolist() == bonus.rows.tolist()
        assert alone.values.tolist() == bonus.values.tolist()
