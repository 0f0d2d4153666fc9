"""Sequences: stable order, every item a target once, batches without waste."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.contracts.values import PADDING_INDEX
from tests.worlds import recommender as world
from tests.worlds.curation import Event, at, clustered
from training.curation.config import HistoryConfig
from training.curation.item_histories import item_history_rows
from training.recommender.data.histories import (
    Sequences,
    bucket_windows,
    count_batches,
    cut_windows,
    pad,
    read_sequences,
)
from training.recommender.data.layout import arrange_items

HISTORIES = st.lists(st.lists(st.integers(1, 99), max_size=25), min_size=1, max_size=12)


def test_read_in_order_of_time_and_only_what_was_liked_before() -> None:
    rows = [
        ("ann", "i03a", 2, True),
        ("ann", "i01a", 1, True),
        ("ann", "i00b", 1, True),  # the same moment as i01a
        ("ann", "i05a", 0, False),
        ("ann", "i09d", 9, True),  # too late
        ("ann", "gone", 0, True),  # not in the catalogue
        ("bob", "i09d", 9, True),
        ("cid", "i02c", 0, True),
    ]
    frame = pl.LazyFrame(rows, schema=["user_id", "item_id", "hour", "is_positive"], orient="row")
    hours = pl.duration(hours="hour")
    interactions = frame.with_columns(timestamp=pl.lit(world.START) + hours)
    layout = world.make_layout()
    until = world.START + timedelta(hours=9)

    users, sequences = read_sequences(interactions, layout, until)
    again, shuffled = read_sequences(interactions.reverse(), layout, until)

    assert users.to_list() == again.to_list() == ["ann", "cid"]
    names = [[layout.item_ids[index - 1] for index in sequences[user]] for user in range(2)]
    assert names == [["i01a", "i00b", "i03a"], ["i02c"]]
    assert np.array_equal(sequences.items, shuffled.items)


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.sampled_from(["i0", "i1", "i2"])),
        min_size=1,
        max_size=6,
        unique_by=lambda event: (event[0], event[2]),
    )
)
def test_what_is_trained_on_is_the_history_that_a_request_brings(
    events: list[tuple[str, int, str]],
) -> None:
    """Ties in time included: the stage histories' newest-first list, from its end."""
    frame = clustered([Event(user, second, 0, item=item) for user, second, item in events])
    layout = arrange_items(["i0", "i1", "i2"], np.zeros(3, dtype=np.int64), 1)
    users, sequences = read_sequences(frame.lazy(), layout, at(10))
    served = item_history_rows(frame, [at(10)], HistoryConfig())
    assert served["user_id"].to_list() == users.to_list()
    for row, recent in enumerate(served["recent_items"].to_list()):
        trained = [layout.item_ids[index - 1] for index in sequences[row]]
        assert trained == recent[::-1]


@pytest.mark.parametrize("chunk_interactions", [1, 25, 10**6])
def test_read_in_pieces_into_a_file_is_the_same(chunk_interactions: int, tmp_path: Path) -> None:
    interactions = world.make_interactions(world.walk(20, 10, noise=0.1, seed=0))
    layout, until = world.make_layout(), world.START + timedelta(hours=9)
    users, whole = read_sequences(interactions, layout, until)
    same_users, mapped = read_sequences(interactions, layout, until, tmp_path, chunk_interactions)
    assert list(tmp_path.iterdir()) == []  # nothing is left behind, whatever happens
    assert isinstance(mapped.items, np.memmap)
    assert mapped.items.dtype == whole.items.dtype == np.int32
    assert same_users.equals(users)
    assert np.array_equal(mapped.items, whole.items)
    assert np.array_equal(mapped.offsets, whole.offsets)
    windows = cut_windows(mapped, 5)
    assert isinstance(windows.items, np.memmap)  # windows are slices, not copies


def test_nobody_liked_anything(tmp_path: Path) -> None:
    nothing = world.make_interactions([["i00a"]])
    for scratch in (None, tmp_path):
        users, sequences = read_sequences(nothing, world.make_layout(), world.START, scratch)
        assert len(users) == len(sequences) == 0


@given(HISTORIES, st.integers(1, 7))
def test_every_item_but_the_first_is_a_target_once(
    histories: list[list[int]], max_length: int
) -> None:
    windows = cut_windows(Sequences.of(histories), max_length)
    cut = [windows[row].tolist() for row in range(len(windows))]
    assert all(2 <= len(window) <= max_length + 1 for window in cut)
    targets = sorted(item for window in cut for item in window[1:])
    assert targets == sorted(item for history in histories for item in history[1:])
    newest = [history[-max_length - 1 :] for history in histories if len(history) > 1]
    assert all(window in cut for window in newest)


@given(HISTORIES, st.integers(1, 40), st.integers(0, 3))
def test_batches_hold_each_window_once_within_their_size(
    histories: list[list[int]], batch_tokens: int, seed: int
) -> None:
    windows = cut_windows(Sequences.of(histories), 25)
    planned = bucket_windows(windows, batch_tokens, np.random.default_rng(seed))
    batches = [pad(windows.take(rows)) for rows in planned]
    rows = [row[row != PADDING_INDEX].tolist() for batch in batches for row in batch]
    assert sorted(rows) == sorted(windows[row].tolist() for row in range(len(windows)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * (batch.shape[1] - 1) <= batch_tokens
    assert len(batches) == count_batches(windows, batch_tokens)


def test_little_padding_is_computed_and_the_order_is_the_rngs() -> None:
    lengths = np.random.default_rng(0).geometric(0.05, size=2000) + 1
    windows = cut_windows(Sequences.of([[1] * length for length in lengths]), 1000)

    def shuffle(seed: int) -> list[np.ndarray]:
        planned = bucket_windows(windows, 1000, np.random.default_rng(seed))
        return [pad(windows.take(rows)) for rows in planned]

    batches, same, other = shuffle(0), shuffle(0), shuffle(1)
    assert np.mean(np.concatenate([(batch == PADDING_INDEX).ravel() for batch in batches])) < 0.05
    assert all(np.array_equal(a, b) for a, b in zip(batches, same, strict=True))
    assert [b.shape for b in batches] != [b.shape for b in other]


def test_newest_and_take_cut_rows_out() -> None:
    sequences = Sequences.of([[1, 2, 3], [4], [5, 6]])
    assert pad(sequences.newest(2)).tolist() == [[2, 3], [4, 0], [5, 6]]
    assert pad(sequences.take(np.array([2, 0]))).tolist() == [[5, 6, 0], [1, 2, 3]]
