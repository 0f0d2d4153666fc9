"""Embeds cold items by what they say: nobody liked them yet, so training told nothing of them.

Shapes: I items, D dimension of the model, T dimension of the texts.
"""

from __future__ import annotations

import numpy as np
import torch

from training.recommender.data.layout import FIRST_ITEM
from training.recommender.model.model import SequenceTransformer

TEXT_RIDGE = 1.0
"""Of the regression, in items of full trust: one alone with its text leads half of the way."""
TRUST_HALF_LIKES = 5.0
"""Likes at which an item's vector is trusted half."""


def embed_cold_items(model: SequenceTransformer, likes: np.ndarray, text: np.ndarray) -> None:
    """Give each item without likes the vector that its text lets expect; change no other.

    A ridge regression leads from texts to the vectors of the liked items, an item of n likes
    weighing n / (n + 5). What it says of a cold item replaces the item's own vector, so that with
    its cluster's it points there. Nothing else changes: a model with cold items embedded is saved
    and served like any other. An item without text keeps what training left.

    Args:
        model: trained; changed in place.
        likes: of each item in training, in order of row, ``[I]``.
        text: frozen vectors, unit rows or zero, in order of row, ``[I, T]``.
    """
    with torch.no_grad():
        whole = model.item_vectors().numpy().astype(np.float64)  # [I, D]
        rows = np.flatnonzero((likes == 0) & text.any(axis=1))  # [cold]
        expected = _regress(text.astype(np.float64), whole, likes)[rows]  # [cold, D]
        indices = torch.from_numpy(rows) + FIRST_ITEM  # [cold]
        clusters = model.cluster_vectors(indices)  # [cold, D]
        own = torch.from_numpy(expected.astype(np.float32)) - clusters  # [cold, D]
        model.items.weight[indices] = own


def _regress(text: np.ndarray, vectors: np.ndarray, likes: np.ndarray) -> np.ndarray:
    """Return what each item's text lets expect of its vector, ``[I, D]``."""
    trust = (likes / (likes + TRUST_HALF_LIKES))[:, None]  # [I, 1]
    weighted = trust * text  # [I, T]
    grams = text.T @ weighted + TEXT_RIDGE * np.eye(text.shape[1])  # [T, T]
    expected: np.ndarray = text @ np.linalg.solve(grams, weighted.T @ vectors)
    return expected
