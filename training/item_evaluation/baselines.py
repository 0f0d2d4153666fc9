"""What the transformer has to beat: popularity, item-kNN, sequential kNN.

Each scores the whole catalogue for many users at once, items in order of place.
Shapes: U users, I items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import sparse

from training.recommender.data import Sequences
from training.recommender.layout import FIRST_ITEM, ItemLayout

SEQUENTIAL_WINDOW = 5
SHRINKAGE = 10.0
"""Interactions added to both sides of a similarity, so that rare items do not top the list."""


class BatchScorer(Protocol):
    """Scores every item for many users; the fitted recommender is one too."""

    def score_batch(self, recent_items: Sequence[Sequence[str]]) -> np.ndarray:
        """Return scores ``[U, I]`` for users given by their recent items, newest first."""
        ...


@dataclass(frozen=True)
class Popularity:
    """The same list for everybody: items by the number of people who liked them."""

    likes: np.ndarray

    def score_batch(self, recent_items: Sequence[Sequence[str]]) -> np.ndarray:
        """Return scores ``[U, I]``; see :class:`BatchScorer`."""
        return np.tile(self.likes.astype(np.float32), (len(recent_items), 1))


@dataclass(frozen=True)
class Neighbours:
    """Adds up what stands near each of a user's recent items, later ones counting more.

    Attributes:
        similarity: of row item to column item, sparse ``[I, I]``.
        layout: the items.
        decay: weight of each recent item over the next newer one.
        max_items: recent items that count.
    """

    similarity: sparse.csr_matrix
    layout: ItemLayout
    decay: float
    max_items: int

    def score_batch(self, recent_items: Sequence[Sequence[str]]) -> np.ndarray:
        """Return scores ``[U, I]``; see :class:`BatchScorer`."""
        rows, columns, weights = [], [], []
        for user, recent in enumerate(recent_items):
            places = self.layout.places_of(recent)[: self.max_items]
            rows.append(np.full(len(places), user))
            columns.append(places)
            weights.append(self.decay ** np.arange(len(places)))
        cells = (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns)))
        profiles = sparse.csr_matrix(cells, shape=(len(recent_items), self.layout.n_items))
        scores: np.ndarray = (profiles @ self.similarity).toarray().astype(np.float32)
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
    return Neighbours(_normalise(together, _likes(sequences, layout)), layout, 1.0, 50)


def fit_sequential_neighbours(sequences: Sequences, layout: ItemLayout) -> Neighbours:
    """Return sequential kNN: what followed an item within a few steps, nearer steps more.

    Directional: that B followed A says nothing of A following B. After Ludewig and Jannach,
    "Evaluation of session-based recommendation algorithms" (arXiv 1803.09587).
    """
    owner = np.repeat(np.arange(len(sequences)), sequences.lengths)
    places = sequences.items.astype(np.int64) - FIRST_ITEM
    followed: sparse.csr_matrix = sparse.csr_matrix((layout.n_items, layout.n_items))
    for gap in range(1, SEQUENTIAL_WINDOW + 1):
        is_same_user = owner[:-gap] == owner[gap:]
        cells = (places[:-gap][is_same_user], places[gap:][is_same_user])
        weights = np.full(len(cells[0]), 1 / gap)
        followed = followed + sparse.csr_matrix((weights, cells), shape=followed.shape)
    return Neighbours(_normalise(followed, _likes(sequences, layout)), layout, 0.7, 10)


def _likes(sequences: Sequences, layout: ItemLayout) -> np.ndarray:
    return np.bincount(sequences.items - FIRST_ITEM, minlength=layout.n_items)


def _normalise(counts: sparse.csr_matrix, likes: np.ndarray) -> sparse.csr_matrix:
    """Return the counts over the geometric mean of both items' likes, the diagonal left out."""
    scale = sparse.diags(1 / np.sqrt(likes + SHRINKAGE))
    similarity = (scale @ counts @ scale).tocsr()
    similarity.setdiag(0)
    return similarity
