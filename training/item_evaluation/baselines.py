"""What the transformer has to beat: popularity, item-kNN, sequential kNN, a Markov chain.

Each scores the whole catalogue for many histories at once (a ``SequenceScorer``).
Shapes: U histories, I items.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from training.recommender.data import Sequences
from training.recommender.layout import FIRST_ITEM, ItemLayout

SEQUENTIAL_WINDOW = 5
SHRINKAGE = 10.0
"""Interactions added to both sides of a similarity, so that rare items do not top the list."""


@dataclass(frozen=True)
class Popularity:
    """The same list for everybody: items by how often they were liked, int64 ``[I]``."""

    likes: np.ndarray

    def score_sequences(self, sequences: Sequences) -> np.ndarray:
        """Return scores ``[U, I]``; see ``SequenceScorer``."""
        return np.tile(self.likes.astype(np.float32), (len(sequences), 1))


@dataclass(frozen=True)
class Neighbours:
    """Adds up what stands near each of a user's recent items, later ones counting more.

    Attributes:
        similarity: of row item to column item, sparse ``[I, I]``.
        decay: weight of each recent item over the next newer one.
        max_items: recent items that count.
    """

    similarity: sparse.csr_matrix
    decay: float
    max_items: int

    def score_sequences(self, sequences: Sequences) -> np.ndarray:
        """Return scores ``[U, I]``; see ``SequenceScorer``."""
        newest = sequences.newest(self.max_items)
        owner = np.repeat(np.arange(len(newest)), newest.lengths)
        age = newest.offsets[owner + 1] - 1 - np.arange(len(owner))  # 0 for the newest
        cells = (self.decay**age, (owner, newest.items - FIRST_ITEM))
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
    return Popularity(_likes(sequences, layout))


def fit_item_neighbours(sequences: Sequences, layout: ItemLayout) -> Neighbours:
    """Return item-kNN: cosine of who liked what, over all items (Sarwar et al., 2001)."""
    owner = np.repeat(np.arange(len(sequences)), sequences.lengths)
    cells = (np.ones(len(owner)), (owner, sequences.items - FIRST_ITEM))
    liked = sparse.csr_matrix(cells, shape=(len(sequences), layout.n_items))
    liked.data[:] = 1.0  # once is as good as often
    together = (liked.T @ liked).tocsr()
    return Neighbours(_normalise(together, _likes(sequences, layout)), 1.0, 50)


def fit_sequential_neighbours(sequences: Sequences, layout: ItemLayout) -> Neighbours:
    """Return sequential kNN: what followed an item within a few steps, nearer steps more.

    Directional: that B followed A says nothing of A following B. After Ludewig and Jannach,
    "Evaluation of session-based recommendation algorithms" (arXiv 1803.09587).
    """
    followed: sparse.csr_matrix = sparse.csr_matrix((layout.n_items, layout.n_items))
    for gap in range(1, SEQUENTIAL_WINDOW + 1):
        followed = followed + _count_followers(sequences, layout, gap) / gap
    return Neighbours(_normalise(followed, _likes(sequences, layout)), 0.7, 10)


def fit_markov_chain(sequences: Sequences, layout: ItemLayout) -> MarkovChain:
    """Return the first-order Markov chain of the training sequences."""
    likes = _likes(sequences, layout)
    share = likes / (likes.sum() + 1)
    return MarkovChain(_count_followers(sequences, layout, 1), share)


def _count_followers(sequences: Sequences, layout: ItemLayout, gap: int) -> sparse.csr_matrix:
    """Return how often the column's item came ``gap`` places after the row's, ``[I, I]``."""
    owner = np.repeat(np.arange(len(sequences)), sequences.lengths)
    places = sequences.items.astype(np.int64) - FIRST_ITEM
    is_same_user = owner[:-gap] == owner[gap:]
    cells = (places[:-gap][is_same_user], places[gap:][is_same_user])
    ones = np.ones(len(cells[0]))
    return sparse.csr_matrix((ones, cells), shape=(layout.n_items, layout.n_items))


def _likes(sequences: Sequences, layout: ItemLayout) -> np.ndarray:
    return np.bincount(sequences.items - FIRST_ITEM, minlength=layout.n_items)


def _normalise(counts: sparse.csr_matrix, likes: np.ndarray) -> sparse.csr_matrix:
    """Return the counts over the geometric mean of both items' likes, the diagonal left out."""
    scale = sparse.diags(1 / np.sqrt(likes + SHRINKAGE))
    similarity = (scale @ counts @ scale).tocsr()
    similarity.setdiag(0)
    return similarity
