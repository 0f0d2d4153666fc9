"""Made-up sequences of any size, with something to learn: topics to dwell in, items that follow.

A user has three topics. An event stays in the topic of the one before (mostly) and takes either the
item that follows there or one drawn by a long tail, so an ideal model is well above popularity.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from expectations.contracts.errors import UserError
from pipelines.sources.sequence_file import read_sequence_file

TOPICS_OF_A_USER = 3
STAYING = 0.8
FOLLOWING = 0.5
USERS_AT_ONCE = 50_000
ITEMS_OF_A_TOPIC = 100


def make_walks(
    n_users: int, n_items: int, length: int, seed: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the sequences of some users at a time: the first user's number, items ``[n, length]``.

    Args:
        n_users: in all.
        n_items: numbered from 0; each topic has :data:`ITEMS_OF_A_TOPIC` neighbours of them.
        length: events of each user.
        seed: of everything drawn.
    """
    rng = np.random.default_rng(seed)
    n_topics = max(TOPICS_OF_A_USER, n_items // ITEMS_OF_A_TOPIC)
    size = n_items // n_topics
    chances = 1 / np.arange(1, size + 1)
    tail = np.cumsum(chances / chances.sum())
    for first in range(0, n_users, USERS_AT_ONCE):
        n = min(USERS_AT_ONCE, n_users - first)
        topics = rng.integers(n_topics, size=(n, TOPICS_OF_A_USER))
        current = np.zeros(n, dtype=np.int64)
        # where a user stands in each of the topics
        within = np.minimum(np.searchsorted(tail, rng.random(topics.shape)), size - 1)
        walk = np.empty((n, length), dtype=np.int32)
        people = np.arange(n)
        for step in range(length):
            leaves = rng.random(n) > STAYING
            current = np.where(leaves, rng.integers(TOPICS_OF_A_USER, size=n), current)
            drawn = np.minimum(np.searchsorted(tail, rng.random(n)), size - 1)
            follows = rng.random(n) < FOLLOWING
            position = np.where(follows, (within[people, current] + 1) % size, drawn)
            within[people, current] = position
            walk[:, step] = topics[people, current] * size + position
        yield first, walk


def read_lines(file: Path) -> list[list[str]]:
    """Return the items of each user of a file with one user a line: ``user item item …``.

    Raises:
        UserError: the file is not of that form, or a user has fewer than two items.
    """
    sequences = read_sequence_file(file)
    for items in sequences:
        if len(items) < 2:
            raise UserError(str(file), "a user has two items or more", "drop the line", items[0])
    return sequences
