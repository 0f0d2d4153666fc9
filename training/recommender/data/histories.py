"""Histories as flat arrays: one sequence of embedding indices per user, oldest first."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
import polars as pl

from expectations.contracts.values import PADDING_INDEX
from training.curation.user_chunks import read_chunk, split_users
from training.recommender.data.layout import ItemLayout

CHUNK_INTERACTIONS = 5_000_000
"""Interactions sorted at one time: about a gigabyte."""
ORDER = ["user_id", "timestamp", "item_id"]


@dataclass(frozen=True)
class Sequences:
    """Many sequences of items in two flat arrays; sequence ``s`` is one slice of ``items``.

    Attributes:
        items: embedding indices, freshest last within a sequence, int32 ``[n_events]``.
        offsets: where each sequence starts, and the end, int64 ``[n_sequences + 1]``.
    """

    items: np.ndarray
    offsets: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """Items in each sequence, int64 ``[n_sequences]``."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        return self.items[self.offsets[row] : self.offsets[row + 1]]

    @classmethod
    def of(cls, sequences: Sequence[Sequence[int]]) -> Sequences:
        """Return the flat form of a few sequences; large ones come from :func:`read_sequences`."""
        lengths = [len(sequence) for sequence in sequences]
        items = np.array([item for sequence in sequences for item in sequence], dtype=np.int32)
        return cls(items, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))

    def newest(self, max_length: int) -> Sequences:
        """Return each sequence's last ``max_length`` items."""
        lengths = np.minimum(self.lengths, max_length)
        return _slices(self.items, self.offsets[1:] - lengths, lengths)

    def without_newest(self, n_newest: int | np.ndarray) -> Sequences:
        """Return each sequence but for its last ``n_newest`` items, an int or ``[n_sequences]``."""
        lengths = np.maximum(self.lengths - n_newest, 0)
        return _slices(self.items, self.offsets[:-1], lengths)

    def take(self, rows: np.ndarray) -> Sequences:
        """Return the sequences at ``rows``, in that order."""
        return _slices(self.items, self.offsets[rows], self.lengths[rows])


def read_sequences(
    interactions: pl.LazyFrame,
    layout: ItemLayout,
    until: datetime,
    scratch: Path | None = None,
    chunk_interactions: int = CHUNK_INTERACTIONS,
) -> tuple[pl.Series, Sequences]:
    """Return the users with positive interactions before ``until``, and the items of each.

    Items of one moment stand in descending order of their id: the result does not depend on the
    order of rows, and read from its end it is the newest-first history that a request brings,
    where they ascend. Users ascend; interactions with items outside the layout are passed over.

    Args:
        interactions: table INTERACTIONS; read a range of users at a time.
        layout: items in the order of the model.
        until: the first moment that no longer counts.
        scratch: a folder for the items: they are mapped from a file without a name, which goes
            with the process, and are never all in memory.
        chunk_interactions: read at one time.
    """
    liked = (
        interactions.filter(pl.col("is_positive") & (pl.col("timestamp") < until))
        .select("user_id", "item_id", "timestamp")
        .join(layout.frame.lazy(), on="item_id")
    )
    counts = [pl.DataFrame(schema={"user_id": pl.String, "len": pl.get_index_type()})]
    pieces = [np.empty(0, dtype=np.int32)]
    with TemporaryFile(dir=scratch) if scratch else nullcontext() as file:
        for users in split_users(liked, chunk_interactions):
            events = read_chunk(liked, users).sort(ORDER, descending=[False, False, True])
            counts.append(events.group_by("user_id", maintain_order=True).len())
            pieces.append(events["index"].to_numpy())
            if file:
                file.write(pieces.pop().data)
        if file and file.tell():
            file.flush()
            pieces = [np.memmap(file, np.int32, "r")]
    table = pl.concat(counts)
    offsets = np.concatenate([[0], np.cumsum(table["len"].to_numpy())]).astype(np.int64)
    items = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    return table["user_id"], Sequences(items, offsets)


@dataclass(frozen=True)
class Windows:
    """Training windows as slices of sequences that stay where they are, in memory or on disk.

    Attributes:
        items: those of the sequences, int32 ``[n_events]``.
        starts: where each window starts, int64 ``[n_windows]``.
        lengths: items of each, two or more, int64 ``[n_windows]``.
    """

    items: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, row: int) -> np.ndarray:
        return self.items[self.starts[row] : self.starts[row] + self.lengths[row]]

    def take(self, rows: np.ndarray) -> Sequences:
        """Return the windows at ``rows``, in that order."""
        return _slices(self.items, self.starts[rows], self.lengths[rows])


def cut_windows(sequences: Sequences, max_length: int) -> Windows:
    """Return training windows of at most ``max_length + 1`` items, cut from the newest end.

    Neighbouring windows share one item: the last of the older is the first of the newer, so
    that every item but a user's first is a target exactly once. Sequences of one item give
    no window.
    """
    n_targets = sequences.lengths - 1
    n_windows = -(-np.maximum(n_targets, 0) // max_length)
    owner = np.repeat(np.arange(len(sequences)), n_windows)
    nth_newest = np.arange(len(owner)) - np.repeat(np.cumsum(n_windows) - n_windows, n_windows)
    ends = sequences.offsets[owner + 1] - nth_newest * max_length
    starts = np.maximum(ends - max_length - 1, sequences.offsets[owner])
    return Windows(sequences.items, starts, ends - starts)


def bucket_windows(
    windows: Windows, batch_tokens: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Return batches of windows of about equal length, in random order, each window once.

    Args:
        windows: what to train on.
        batch_tokens: positions with a target in one batch, at most (unless one window has more).

    Returns:
        The indices of each batch's windows; :func:`pad` makes rows of what they hold.
    """
    shuffled = rng.permutation(len(windows))
    order = shuffled[np.argsort(windows.lengths[shuffled], kind="stable")]
    spans = _fill_batches(windows.lengths[order] - 1, batch_tokens)
    return [order[slice(*spans[row])] for row in rng.permutation(len(spans))]


def count_batches(windows: Windows, batch_tokens: int) -> int:
    """Return how many batches :func:`bucket_windows` makes of the windows."""
    return len(_fill_batches(np.sort(windows.lengths) - 1, batch_tokens))


def pad(sequences: Sequences) -> np.ndarray:
    """Return the sequences as rows, padded at the end, int64 ``[n, longest]``."""
    lengths = sequences.lengths
    columns = np.arange(lengths.max(initial=0))
    padded = np.full((len(sequences), len(columns)), PADDING_INDEX, dtype=np.int64)
    padded[columns < lengths[:, None]] = sequences.items
    return padded


def _slices(items: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> Sequences:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    return Sequences(items[np.repeat(starts, lengths) + within], offsets)


def _fill_batches(ascending: np.ndarray, batch_tokens: int) -> list[tuple[int, int]]:
    """Return spans of ``ascending`` lengths whose padded size keeps to ``batch_tokens``."""
    spans = []
    first = 0
    while first < len(ascending):
        # the span's last length is its longest: grow until the padded size would be too much
        upcoming = ascending[first : first + batch_tokens]
        padded_sizes = np.arange(1, len(upcoming) + 1) * upcoming
        n = max(1, int(np.searchsorted(padded_sizes, batch_tokens, side="right")))
        spans.append((first, first + n))
        first += n
    return spans
