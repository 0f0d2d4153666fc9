"""Item vectors to start from: the co-occurrence of items, folded into a few dimensions.

A transformer that starts from noise spends most of its epochs on finding out which items go
together, and on sparse logs never quite does. Counting tells it at once.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from training.recommender.config import NeighbourConfig
from training.recommender.data.histories import Sequences
from training.recommender.data.pair_counts import weigh_pairs

SYMMETRIC = NeighbourConfig(backward=1.0, earlier_power=0.5, later_power=0.5)
"""Co-occurrence without direction, over the geometric mean of both items' likes: symmetric."""
VECTOR_NORM = 0.5
"""Of the vectors: training turns short ones faster than long ones."""
NOISE_STD = 0.02
"""Standard deviation of the noise on each component; it also tells unliked items apart."""
POWER_ITERATIONS = 4
"""Of the randomised decomposition; scikit-learn's own choice where there are at most ten times as
many items as components."""


def initial_item_vectors(
    sequences: Sequences, n_items: int, dimension: int, seed: int
) -> np.ndarray:
    """Return a vector for every item such that items that stand near one another are alike.

    The truncated singular value decomposition of the co-occurrence, as Levy and Goldberg showed
    word vectors to be one of ("Neural Word Embedding as Implicit Matrix Factorization", 2014).

    Args:
        sequences: what each user liked, oldest first.
        n_items: of the catalogue; items nobody liked get noise alone.
        dimension: length of a vector; components beyond the number of items are noise.
        seed: of the noise and of the decomposition.

    Returns:
        float32 ``[n_items, dimension]``, of length ``VECTOR_NORM`` but for the noise.
    """
    cooccurrence = weigh_pairs(sequences, n_items, SYMMETRIC)
    noise = np.random.default_rng(seed).normal(0, NOISE_STD, (n_items, dimension))
    n_components = min(dimension, n_items)
    left, strengths, _ = randomized_svd(
        sparse.csr_matrix(cooccurrence, dtype=np.float64),
        n_components=n_components,
        n_iter=POWER_ITERATIONS,
        random_state=seed,
    )
    vectors = left * np.sqrt(strengths)  # [I, n_components]
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    has_neighbours = np.diff(cooccurrence.indptr)[:, None] > 0
    noise[:, :n_components] += np.where(
        has_neighbours, VECTOR_NORM * vectors / np.maximum(lengths, np.finfo(float).tiny), 0
    )
    return noise.astype(np.float32)
