"""Lays transitions out as sequences of visits, many of a user's in one, for the transformer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.baselines.clusters.examples import Examples

MAX_LENGTH = 128  # newest visits that are read
SEQUENCES_AT_ONCE = 64

# Shapes: B sequences, S positions, T transitions of a batch, N clusters.

Batch = tuple[tuple[Tensor, Tensor, Tensor], Tensor, Tensor, Tensor, Tensor]


class SequenceBatches:
    """Batches of whole users, those with like many visits together.

    A batch is what the transformer reads (clusters, liked, moments: int64 [B, S]), and of each
    transition its row, the place of the last visit strictly before it, [T] each, what was touched
    by then, bool [T, N], and its target, [T].
    """

    def __init__(self, examples: Examples) -> None:
        self._examples = examples
        rows, entries = examples.rows_of_earlier()
        self._touched = np.zeros((len(examples), examples.n_clusters), dtype=bool)  # [T, N]
        self._touched[rows, examples.clusters[entries]] = True
        starts = examples.user_starts[examples.chosen]
        self._users, first = np.unique(starts, return_index=True)
        self._bounds = np.r_[first, len(examples)]
        self._lengths = examples.ends[self._bounds[1:] - 1] - self._users

    def draw(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Yield all transitions once, in random order of batches."""
        order = rng.permutation(len(self._users))
        order = order[np.argsort(self._lengths[order], kind="stable")]
        cuts = np.arange(0, len(order), SEQUENCES_AT_ONCE)
        for cut in rng.permutation(cuts):
            yield self._lay_out(np.sort(order[cut : cut + SEQUENCES_AT_ONCE]))

    def _lay_out(self, users: NDArray[np.int64]) -> Batch:
        examples = self._examples
        offsets = np.maximum(self._lengths[users] - MAX_LENGTH, 0)  # oldest visits left out
        starts = self._users[users] + offsets
        ends = starts + np.minimum(self._lengths[users], MAX_LENGTH)
        spans = [np.arange(start, end) for start, end in zip(starts, ends, strict=True)]
        moments = [examples.moments[span] - examples.moments[span[0]] for span in spans]
        inputs = (
            torch.from_numpy(pad_right([examples.clusters[s] for s in spans], examples.n_clusters)),
            torch.from_numpy(pad_right([examples.liked_first[s] for s in spans], 0)),
            torch.from_numpy(pad_right(moments, 0)),
        )
        chosen = np.concatenate(
            [np.arange(self._bounds[user], self._bounds[user + 1]) for user in users]
        )
        counts = self._bounds[users + 1] - self._bounds[users]
        rows = np.repeat(np.arange(len(users)), counts)
        places = examples.ends[chosen] - 1 - starts[rows]  # of the last visit strictly before
        seen = places >= 0
        chosen, rows, places = chosen[seen], rows[seen], places[seen]
        return (
            inputs,
            torch.from_numpy(rows),
            torch.from_numpy(places),
            torch.from_numpy(self._touched[chosen]),
            torch.from_numpy(examples.targets[chosen]),
        )


def pad_right(
    lists: Sequence[Sequence[int] | NDArray[np.generic]], filling: int
) -> NDArray[np.int64]:
    """Return lists as rows of one array, int64 [rows, longest], filled up at the right."""
    padded = np.full((len(lists), max(map(len, lists))), filling, dtype=np.int64)
    for row, values in enumerate(lists):
        padded[row, : len(values)] = values
    return padded
