"""What the recommender has to beat: popularity, item-kNN, sequential kNN, a Markov chain.

Each scores the whole catalogue for many histories at once (a ``SequenceScorer``).
Shapes: U histories, I items.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from training.evaluation.items.ranks import SequenceScorer
from training.recommender.config import NeighbourConfig
from training.recommender.data.histories import Sequences
from training.recommender.data.layout import FIRST_ITEM, ItemLayout
from training.recommender.data.neighbours import SequentialNeighbours, fit_neighbours
from training.recommender.model.popularity import count_in_sequences, score_popularity

PLAIN_NEIGHBOURS = NeighbourConfig(window=5, step_decay=0.7, backward=0.0, history_decays=(0.7,))
"""Sequential kNN as it is known, a short window and one direction: that B followed A says nothing
of A following B. After Ludewig and Jannach (arXiv 1803.09587)."""
MAX_RECENT = 50
"""Newest items of a history that item-kNN adds up."""
SIMILARITY_SHRINKAGE = 10.0
"""Interactions added to both sides of a similarity, so that rare items do not top the list."""


@dataclass(frozen=True)
class Popularity:
    """The same list for everybody: items by how often they were liked, int64 ``[I]``."""

    likes: np.ndarray

    def score_sequences(self, sequences: Sequences) -> np.ndarray:
        """Return scores ``[U, I]``; see ``SequenceScorer``."""
        return np.tile(self.likes.astype(np.float32), (len(sequences), 1))


@dataclass(frozen=True)
class WithPopularity:
    """A scorer with the weighted logarithm of likes added: how planned clusters' items are ordered.

    Attributes:
        scorer: scores every item.
        likes: int64 ``[I]``.
        weight: of their logarithm.
    """

    scorer: SequenceScorer
    likes: np.ndarray
    weight: float

    def score_sequences(self, sequences: Sequences) -> np.ndarray:
        """Return scores ``[U, I]``; see ``SequenceScorer``."""
        added = score_popularity(self.likes, self.weight)
        scores: np.ndarray = self.scorer.score_sequences(sequences) + added
        return scores


@dataclass(frozen=True)
class ItemNeighbours:
    """Adds up how near each item is to a user's recent ones, whatever their order.

    Attributes:
        similarity: of row item to column item, sparse ``[I, I]``.
    """

    similarity: sparse.csr_matrix

    def score_sequences(self, sequences: Sequences) -> np.ndarray:
        """Return scores ``[U, I]``; see ``SequenceScorer``."""
        newest = sequences.newest(MAX_RECENT)
        owner = np.repeat(np.arange(len(newest)), newest.lengths)
        cells = (np.ones(len(owner)), (owner, newest.items - FIRST_ITEM))
        profiles = sparse.csr_matrix(cells, shape=(len(newest), self.similarity.shape[0]))
        scores: np.ndarray = (profiles @ self.similarity).toarray().astype(np.float32)
        return scores


@dataclass(frozen=True)
class MarkovChain:
    """What followed the newest item, most often first; popularity decides where counts are equal.

    Attributes:
        followed: how often the column's item came right after the row's, sparse ``[I, I]``.
        share: of all likes by item, ``[I]``; below 1, so that it never outweighs a count.
    """

    followed: sparse.csr_matrix
    share: np.ndarray

    def score_sequences(self, sequences: Sequences) -> np.ndarray:
        """Return scores ``[U, I]``; see ``SequenceScorer``."""
        scores = np.tile(self.share.astype(np.float32), (len(sequences), 1))
        known = np.flatnonzero(sequences.lengths)
        newest = sequences.items[sequences.offsets[1:][known] - 1] - FIRST_ITEM
        scores[known] += self.followed[newest].toarray()
        return scores


def count_popularity(sequences: Sequences, layout: ItemLayout) -> Popularity:
    """Return the popularity baseline of the training sequences."""
    return Popularity(count_in_sequences(sequences, layout.n_items))


def fit_item_neighbours(sequences: Sequences, layout: ItemLayout) -> ItemNeighbours:
    """Return item-kNN: cosine of who liked what, over all items (Sarwar et al., 2001)."""
    owner = np.repeat(np.arange(len(sequences)), sequences.lengths)
    cells = (np.ones(len(owner)), (owner, sequences.items - FIRST_ITEM))
    liked = sparse.csr_matrix(cells, shape=(len(sequences), layout.n_items))
    liked.data[:] = 1.0  # once is as good as often
    likes = count_in_sequences(sequences, layout.n_items)
    scale = sparse.diags(1 / np.sqrt(likes + SIMILARITY_SHRINKAGE))
    similarity = (scale @ (liked.T @ liked) @ scale).tocsr()
    similarity.setdiag(0)
    return ItemNeighbours(similarity)


def fit_sequential_neighbours(sequences: Sequences, layout: ItemLayout) -> SequentialNeighbours:
    """Return sequential kNN: the recommender's neighbours, set as plainly as they are known."""
    return fit_neighbours(sequences, layout.n_items, PLAIN_NEIGHBOURS)


def fit_markov_chain(sequences: Sequences, layout: ItemLayout) -> MarkovChain:
    """Return the first-order Markov chain of the training sequences."""
    owner = np.repeat(np.arange(len(sequences)), sequences.lengths)
    is_same_user = owner[:-1] == owner[1:]
    rows = sequences.items.astype(np.int64) - FIRST_ITEM
    cells = (rows[:-1][is_same_user], rows[1:][is_same_user])
    ones = np.ones(len(cells[0]))
    followed = sparse.csr_matrix((ones, cells), shape=(layout.n_items, layout.n_items))
    likes = count_in_sequences(sequences, layout.n_items)
    return MarkovChain(followed, likes / (likes.sum() + 1))
