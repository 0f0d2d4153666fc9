"""Sequential neighbours: which items stood near one another, and in which order.

The counting model beside the transformer. On sparse logs it is hard to beat alone, and it knows
what the transformer forgets: rare items that two people took one after the other.

Shapes: I items, C cells (pairs of items that stood near), H items of a history, P items with a
score above zero.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from scipy import sparse

from training.item_scoring.block_scoring import Bonus
from training.recommender.config import NeighbourConfig
from training.recommender.data.array_files import ArrayReader, read_arrays
from training.recommender.data.histories import Sequences
from training.recommender.data.layout import FIRST_ITEM
from training.recommender.data.neighbour_shares import share_neighbours
from training.recommender.data.pair_counts import weigh_pairs

MAX_RECENT = 50
"""Newest items of a history that count, however slowly their weight falls: as many as the
transformer reads."""
MIN_RECENCY_WEIGHT = 0.01
"""Over the newest item's: what is below adds too little to be looked up."""


@dataclass(frozen=True)
class SequentialNeighbours:
    """The fitted model: of each item, what it leads to, and how strongly.

    After Ludewig and Jannach, "Evaluation of session-based recommendation algorithms"
    (arXiv 1803.09587), with a wide window, both directions and uneven normalisation.

    Attributes:
        weights: from the item in a history (row) to the item to be scored (column), by row,
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
            float32 ``[n_histories, I]``, columns ascending within a row; a row sums to 1, or to
            0 where no item of the history leads anywhere.
        """
        rows, shares, starts = self._find_shares(histories)
        shape = (len(histories), self.weights.shape[0])
        return sparse.csr_matrix((shares, rows, starts), shape=shape)

    def find_bonuses(self, histories: Sequences) -> list[Bonus]:
        """Return what each history adds to the scores of single items.

        An item's share is held against that of an average item, so that the bonus means the
        same in catalogues of any size: ``weight * log(1 + share * I / floor)``, like a
        log-probability that is cut off below.
        """
        rows, shares, starts = self._find_shares(histories)
        relative = shares * np.float32(self.weights.shape[1] / self.config.floor)
        values = np.float32(self.config.weight) * np.log1p(relative)
        spans = pairwise(starts.tolist())
        return [Bonus(rows[first:end], values[first:end]) for first, end in spans]

    def score_sequences(self, sequences: Sequences) -> np.ndarray:
        """Return the shares as a whole, float32 ``[n, I]``: a recommender by itself."""
        scores: np.ndarray = self.find_shares(sequences).toarray()
        return scores

    def _find_shares(self, histories: Sequences) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return items, their shares, and where those of each history start; see the function."""
        cells, rows = self.weights, histories.items - np.int64(FIRST_ITEM)
        rows, shares, starts = share_neighbours(
            cells.indptr, cells.indices, cells.data, rows, histories.offsets, self._recency_weights
        )
        return rows, shares, starts

    @cached_property
    def _recency_weights(self) -> np.ndarray:
        """Return what the newest items of a history weigh by age, as far as they count."""
        recency_weights: np.ndarray = self.config.history_decays[0] ** np.arange(MAX_RECENT)
        return recency_weights[recency_weights >= MIN_RECENCY_WEIGHT].astype(np.float32)

    def with_history_decay(self, history_decay: float) -> SequentialNeighbours:
        """Return the same model with another decay over the items of a history."""
        config = self.config.model_copy(update={"history_decays": (history_decay,)})
        return replace(self, config=config)

    def save(self, file: Path) -> None:
        """Write the cells as safetensors; the configuration is the recommender's to keep."""
        cells = self.weights
        content = {
            "row_starts": cells.indptr.astype(np.int64),
            "columns": cells.indices.astype(np.int32),
            "weights": cells.data.astype(np.float32),
        }
        save_file(content, file)

    @classmethod
    def load(
        cls,
        file: Path,
        n_items: int,
        config: NeighbourConfig,
        read: ArrayReader = read_arrays,
    ) -> SequentialNeighbours:
        """Return the model that :meth:`save` wrote.

        Args:
            file: holds the cells.
            n_items: of the catalogue.
            config: how it was counted.
            read: reads the file, or maps it.

        Raises:
            ValueError: the cells are not those of ``n_items`` items.
        """
        content = read(file)
        cells = (content["weights"], content["columns"], content["row_starts"])
        weights = sparse.csr_matrix(cells, shape=(n_items, n_items))
        weights.check_format(full_check=True)
        return cls(weights, config)


def fit_neighbours(
    sequences: Sequences, n_items: int, config: NeighbourConfig
) -> SequentialNeighbours:
    """Count which items stand near one another; see :func:`weigh_pairs`.

    Args:
        sequences: what each user liked, oldest first.
        n_items: of the catalogue.
        config: how to count.
    """
    return SequentialNeighbours(weigh_pairs(sequences, n_items, config), config)
