"""Vectors to start from: what people take together is alike from the first step on."""

import numpy as np

from training.recommender.data.histories import Sequences
from training.recommender.data.layout import FIRST_ITEM
from training.recommender.fitting.warm_start import VECTOR_NORM, initial_item_vectors

N_ITEMS, N_KINDS = 40, 4


def log_of_kinds(seed: int) -> Sequences:
    """Return people who stay within one of four kinds of items; the last item nobody likes."""
    rng = np.random.default_rng(seed)
    liked = (N_ITEMS - 1) // N_KINDS * N_KINDS
    kinds = rng.integers(0, N_KINDS, 200)
    picks = rng.integers(0, liked // N_KINDS, (200, 6)) * N_KINDS + kinds[:, None]
    return Sequences.of((picks + FIRST_ITEM).tolist())


def test_items_of_one_kind_are_more_alike_than_others() -> None:
    vectors = initial_item_vectors(log_of_kinds(0), N_ITEMS, dimension=N_KINDS, seed=1)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    liked = (N_ITEMS - 1) // N_KINDS * N_KINDS
    likeness = (unit @ unit.T)[:liked, :liked]
    same = np.equal.outer(np.arange(liked) % N_KINDS, np.arange(liked) % N_KINDS)
    assert likeness[same].min() > likeness[~same].max()


def test_an_item_nobody_liked_starts_from_noise_alone() -> None:
    vectors = initial_item_vectors(log_of_kinds(0), N_ITEMS, dimension=8, seed=1)
    lengths = np.linalg.norm(vectors, axis=1)
    assert 0 < lengths[-1] < VECTOR_NORM / 2 < lengths[0]


def test_the_same_seed_gives_the_same_vectors() -> None:
    first, again, other = (
        initial_item_vectors(log_of_kinds(0), N_ITEMS, dimension=8, seed=seed) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_more_dimensions_than_items_are_filled_with_noise() -> None:
    vectors = initial_item_vectors(Sequences.of([[1, 2, 3], [3, 2]]), 3, dimension=8, seed=0)
    assert vectors.shape == (3, 8)
    assert np.all(vectors[:, 3:].std(axis=0) > 0)
