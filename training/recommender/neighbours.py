"""Sequential neighbours: which items stood near one another, and in which order.

The counting model beside the transformer. On sparse logs it is hard to beat alone, and it knows
what the transformer forgets: rare items that two people took one after the other.

Shapes: I items, C cells (pairs of items that stood near), H items of a history, P places with a
score above zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from scipy import sparse

from training.item_scoring.block_scoring import Bonus
from training.recommender.config import NeighbourConfig
from training.recommender.data import Sequences
from training.recommender.layout import FIRST_ITEM

PAIRS_AT_ONCE = 10_000_000
"""Pairs counted before they are added to the sum: 200 MB."""
CELLS_KEPT = 100_000_000
"""Cells above which the weakest of each row are let go while counting goes on: 1.2 GB."""
MAX_HEARD = 50
"""Newest items of a history that count, however slowly their weight falls."""
FAINTEST = 0.01
"""Items of a history whose weight is below this share of the newest one's are passed over."""


@dataclass(frozen=True)
class SequentialNeighbours:
    """The fitted model: of each item, what it leads to, and how strongly.

    After Ludewig and Jannach, "Evaluation of session-based recommendation algorithms"
    (arXiv 1803.09587), with a wide window, both directions and uneven normalisation.

    Attributes:
        weights: from the item in a history (row) to the item to be scored (column), by place,
            float32 ``[I, I]`` with C cells.
        config: how it was counted and is added up.
    """

    weights: sparse.csr_matrix
    config: NeighbourConfig

    def find_shares(self, histories: Sequences) -> sparse.csr_matrix:
        """Return the share of each item in all that a history leads to.

        Args:
            histories: embedding indices, oldest first.

        Returns:
            float32 ``[n_histories, I]``, places ascending within a row; a row sums to 1, or to
            0 where no item of the history leads anywhere.
        """
        histories = histories.newest(self._n_heard)
        lengths = histories.lengths
        owner = np.repeat(np.arange(len(histories)), lengths)
        age = histories.offsets[1:][owner] - 1 - np.arange(len(owner))
        loudness = np.float32(self.config.history_decay) ** age.astype(np.float32)
        cells = (loudness, (owner, histories.items - FIRST_ITEM))
        shape = (len(histories), self.weights.shape[0])
        scores = (sparse.csr_matrix(cells, shape=shape) @ self.weights).tocsr()  # [n, I]
        scores.sort_indices()
        totals = np.asarray(scores.sum(axis=1), dtype=np.float32).ravel()
        scores.data /= np.repeat(
            np.maximum(totals, np.finfo(np.float32).tiny), np.diff(scores.indptr)
        )
        return scores

    def find_bonuses(self, histories: Sequences) -> list[Bonus]:
        """Return what each history adds to the scores of single items.

        An item's share is held against that of an average item, so that the bonus means the
        same in catalogues of any size: ``weight * log(1 + share * I / floor)``, like a
        log-probability that is cut off below.
        """
        shares = self.find_shares(histories)
        relative = shares.data * np.float32(shares.shape[1] / self.config.floor)
        values = np.float32(self.config.weight) * np.log1p(relative)
        places = shares.indices.astype(np.int64)
        spans = pairwise(shares.indptr.tolist())
        return [Bonus(places[first:end], values[first:end]) for first, end in spans]

    def score_sequences(self, sequences: Sequences) -> np.ndarray:
        """Return the shares as a whole, float32 ``[n, I]``: a recommender by itself."""
        scores: np.ndarray = self.find_shares(sequences).toarray()
        return scores

    @property
    def _n_heard(self) -> int:
        """Newest items of a history that are loud enough to count."""
        decay = self.config.history_decay
        return MAX_HEARD if decay == 1 else min(MAX_HEARD, 1 + int(math.log(FAINTEST, decay)))

    def save(self, file: Path) -> None:
        """Write the cells as safetensors; the configuration is the recommender's to keep."""
        cells = self.weights
        content = {
            "row_starts": cells.indptr.astype(np.int64),
            "places": cells.indices.astype(np.int32),
            "weights": cells.data.astype(np.float32),
        }
        save_file(content, file)

    @classmethod
    def load(cls, file: Path, n_items: int, config: NeighbourConfig) -> SequentialNeighbours:
        """Return the model that :meth:`save` wrote.

        Raises:
            ValueError: the cells are not those of ``n_items`` items.
        """
        content = load_file(file)
        cells = (content["weights"], content["places"], content["row_starts"])
        weights = sparse.csr_matrix(cells, shape=(n_items, n_items))
        weights.check_format(full_check=True)
        return cls(weights, config)


def fit_neighbours(
    sequences: Sequences, n_items: int, config: NeighbourConfig
) -> SequentialNeighbours:
    """Count which items stand near one another, weigh by distance, order and likes.

    Memory is bounded: sequences are counted a few at a time, and of each item only the
    heaviest cells are kept; on large logs also while counting, so that an item's faintest
    cells may then be a little low.

    Args:
        sequences: what each user liked, oldest first.
        n_items: of the catalogue.
        config: how to count.
    """
    counts: sparse.csr_matrix = sparse.csr_matrix((n_items, n_items), dtype=np.float32)
    for first, last in _spans(sequences, PAIRS_AT_ONCE // (2 * config.window)):
        counts = counts + _count_pairs(sequences.take(np.arange(first, last)), n_items, config)
        if counts.nnz > CELLS_KEPT:
            counts = _keep_heaviest(counts, max(1, CELLS_KEPT // (2 * n_items)))
    likes = np.bincount(sequences.items - FIRST_ITEM, minlength=n_items).clip(min=1)
    earlier = sparse.diags((likes**-config.earlier_power).astype(np.float32))
    later = sparse.diags((likes**-config.later_power).astype(np.float32))
    weights = _keep_heaviest((earlier @ counts @ later).tocsr(), config.max_neighbours)
    return SequentialNeighbours(weights, config)


def _count_pairs(sequences: Sequences, n_items: int, config: NeighbourConfig) -> sparse.csr_matrix:
    """Return the weighted pairs of a few sequences, float32 ``[I, I]``."""
    owner = np.repeat(np.arange(len(sequences)), sequences.lengths)
    places = sequences.items - FIRST_ITEM
    rows, columns, weights = [], [], []
    for step in range(1, min(config.window, int(sequences.lengths.max(initial=1)) - 1) + 1):
        together = owner[:-step] == owner[step:]
        earlier, later = places[:-step][together], places[step:][together]
        weight = np.full(len(earlier), config.step_decay ** (step - 1), dtype=np.float32)
        rows += [earlier, later]
        columns += [later, earlier]
        weights += [weight, weight * np.float32(config.backward)]
    if not rows:
        return sparse.csr_matrix((n_items, n_items), dtype=np.float32)
    cells = (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns)))
    counts = sparse.csr_matrix(cells, shape=(n_items, n_items))
    counts.setdiag(0)
    counts.eliminate_zeros()
    return counts


def _spans(sequences: Sequences, events: int) -> list[tuple[int, int]]:
    """Return spans of sequences with about ``events`` events each, at least one sequence."""
    ends = sequences.offsets[1:]
    spans, first = [], 0
    while first < len(sequences):
        within = np.searchsorted(ends, sequences.offsets[first] + events, side="right")
        last = max(first + 1, int(within))
        spans.append((first, last))
        first = last
    return spans


def _keep_heaviest(cells: sparse.csr_matrix, per_row: int) -> sparse.csr_matrix:
    """Return the matrix with the ``per_row`` heaviest cells of each row, columns ascending.

    Equal cells at the edge go in order of their column.
    """
    cells.sort_indices()
    lengths = np.diff(cells.indptr)
    if lengths.max(initial=0) <= per_row:
        return cells
    row = np.repeat(np.arange(cells.shape[0]), lengths)
    order = np.lexsort((cells.indices, -cells.data, row))  # rows stay, heaviest first in each
    rank = np.arange(cells.nnz) - np.repeat(cells.indptr[:-1], lengths)
    kept = np.sort(order[rank < per_row])
    starts = np.concatenate([[0], np.cumsum(np.minimum(lengths, per_row))])
    shape = cells.shape
    return sparse.csr_matrix((cells.data[kept], cells.indices[kept], starts), shape=shape)
