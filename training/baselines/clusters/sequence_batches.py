"""Lays transitions out as sequences of visits, many of a user's in one, for the transformer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.baselines.clusters.visit_transitions import VisitTransitions

MAX_LENGTH = 128
"""Newest visits that are read: more than a person has of 64 clusters, so that none is left out
there."""
SEQUENCES_AT_ONCE = 64
"""Of a step: a few thousand users make some sixty steps an epoch."""

# Shapes: B sequences, S positions, T transitions of a batch, N clusters.

SequenceBatch = tuple[tuple[Tensor, Tensor, Tensor], Tensor, Tensor, Tensor, Tensor]


class SequenceBatches:
    """Batches of whole users, those with like many visits together.

    A batch is what the transformer reads (clusters, liked, moments: int64 [B, S]), and of each
    transition its row, the position of the last visit strictly before it, [T] each, what was
    touched by then, bool [T, N], and its target, [T].
    """

    def __init__(self, transitions: VisitTransitions) -> None:
        self._transitions = transitions
        rows, entries = transitions.rows_of_earlier()
        self._touched = np.zeros((len(transitions), transitions.n_clusters), dtype=bool)  # [T, N]
        self._touched[rows, transitions.clusters[entries]] = True
        starts = transitions.user_starts[transitions.chosen]
        self._users, first = np.unique(starts, return_index=True)
        self._bounds = np.r_[first, len(transitions)]
        self._lengths = transitions.ends[self._bounds[1:] - 1] - self._users

    def draw(self, rng: np.random.Generator) -> Iterator[SequenceBatch]:
        """Yield all transitions once, in random order of batches."""
        order = rng.permutation(len(self._users))
        order = order[np.argsort(self._lengths[order], kind="stable")]
        cuts = np.arange(0, len(order), SEQUENCES_AT_ONCE)
        for cut in rng.permutation(cuts):
            yield self._lay_out(np.sort(order[cut : cut + SEQUENCES_AT_ONCE]))

    def _lay_out(self, users: NDArray[np.int64]) -> SequenceBatch:
        transitions = self._transitions
        offsets = np.maximum(self._lengths[users] - MAX_LENGTH, 0)  # oldest visits left out
        starts = self._users[users] + offsets
        ends = starts + np.minimum(self._lengths[users], MAX_LENGTH)
        spans = [np.arange(start, end) for start, end in zip(starts, ends, strict=True)]
        moments = [transitions.moments[span] - transitions.moments[span[0]] for span in spans]
        inputs = (
            torch.from_numpy(
                pad_lists([transitions.clusters[s] for s in spans], transitions.n_clusters)
            ),
            torch.from_numpy(pad_lists([transitions.liked_first[s] for s in spans], 0)),
            torch.from_numpy(pad_lists(moments, 0)),
        )
        chosen = np.concatenate(
            [np.arange(self._bounds[user], self._bounds[user + 1]) for user in users]
        )
        counts = self._bounds[users + 1] - self._bounds[users]
        rows = np.repeat(np.arange(len(users)), counts)
        positions = transitions.ends[chosen] - 1 - starts[rows]  # of the last visit strictly before
        is_read = positions >= 0
        chosen, rows, positions = chosen[is_read], rows[is_read], positions[is_read]
        return (
            inputs,
            torch.from_numpy(rows),
            torch.from_numpy(positions),
            torch.from_numpy(self._touched[chosen]),
            torch.from_numpy(transitions.targets[chosen]),
        )


def pad_lists(
    lists: Sequence[Sequence[int] | NDArray[np.generic]], filling: int
) -> NDArray[np.int64]:
    """Return lists as rows of one array, int64 [rows, longest], filled up at the right."""
    padded = np.full((len(lists), max(map(len, lists))), filling, dtype=np.int64)
    for row, values in enumerate(lists):
        padded[row, : len(values)] = values
    return padded
