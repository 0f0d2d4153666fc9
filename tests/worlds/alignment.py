"""Alignments for tests: one that changes nothing, some that say whatever chance says."""

from __future__ import annotations

import numpy as np

from training.alignment.alignment import Alignment
from training.baselines.logistic import PARTS, LogisticModel

DECAY = 0.8


def keep_order(n_clusters: int) -> Alignment:
    """Return an alignment whose user model has no say."""
    weights = np.zeros((PARTS * n_clusters + 1, n_clusters), dtype=np.float32)
    model = LogisticModel(weights, np.zeros(n_clusters, dtype=np.float32), DECAY)
    return Alignment(model, 1.0, 0.0)


def draw_alignment(rng: np.random.Generator, n_clusters: int) -> Alignment:
    """Return an alignment with a random user model that has half of the say."""
    weights = rng.normal(size=(PARTS * n_clusters + 1, n_clusters)).astype(np.float32)
    popularity = rng.normal(size=n_clusters).astype(np.float32)
    return Alignment(LogisticModel(weights, popularity, DECAY), 1.0, 1.0)
