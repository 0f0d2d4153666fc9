"""What every bandit is asked and told: which clusters to explore, and what became of them.

Shapes: U users, N clusters of the serving level, D dimensions of a cluster vector, n clusters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NEWEST = 8
"""History clusters that make a user's vector: as many as a served plan is made of."""


@dataclass(frozen=True)
class Feedback:
    """What became of shown clusters.

    Attributes:
        users: vectors of the users at the time, [M, D].
        clusters: of the items shown, [M].
        rewards: 1 where the item was liked, else 0, [M].
    """

    users: Floats
    clusters: Integers
    rewards: Floats


class ClusterBandit(Protocol):
    """Chooses novel clusters for users, and learns from what they did with them."""

    def choose(self, users: Floats, offered: NDArray[np.bool_], n: int) -> list[list[int]]:
        """Return up to ``n`` offered clusters for each user, best first.

        Args:
            users: [U, D].
            offered: clusters that may be chosen, [U, N].
            n: how many.
        """
        ...

    def learn(self, feedback: Feedback) -> None:
        """Take in what became of clusters that were shown."""
        ...


def cluster_vectors(
    item_vectors: Floats, cluster_of_item: Integers, n_clusters: int, dimensions: int
) -> Floats:
    """Return a vector of each cluster, [N, D]: its items' mean, in their principal directions.

    Vectors have a mean square of 1, so that features are of the size that a ridge of 1 expects.
    """
    sums = np.zeros((n_clusters, item_vectors.shape[1]))
    np.add.at(sums, cluster_of_item, item_vectors)
    means = sums / np.maximum(np.bincount(cluster_of_item, minlength=n_clusters), 1)[:, None]
    centred = means - means.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    vectors = centred @ directions[:dimensions].T
    return np.asarray(vectors / max(np.sqrt((vectors**2).mean()), np.finfo(float).tiny))


def user_vectors(histories: Sequence[Sequence[int]], clusters: Floats) -> Floats:
    """Return the mean of the vectors of each user's newest history clusters, [U, D]; 0 without."""
    vectors = np.zeros((len(histories), clusters.shape[1]))
    for user, history in enumerate(histories):
        if history:
            vectors[user] = clusters[list(history[:NEWEST])].mean(axis=0)
    return vectors


def pair_features(users: Floats, clusters: Floats) -> Floats:
    """Return the features of every user with every cluster, [U, N, (D + 1) ** 2 - D].

    A constant, the cluster's vector (how it does with everybody), and every number of the user's
    vector times every number of the cluster's (how it does with people like this one).
    """
    shape = (len(users), len(clusters), clusters.shape[1])
    own = np.broadcast_to(clusters, shape).reshape(-1, shape[2])
    return matched_features(np.repeat(users, len(clusters), axis=0), own).reshape(*shape[:2], -1)


def matched_features(users: Floats, clusters: Floats) -> Floats:
    """Return the features of matched users and clusters, [M, (D + 1) ** 2 - D]."""
    crossed = (users[:, :, None] * clusters[:, None]).reshape(len(users), -1)
    return np.concatenate([np.ones((len(users), 1)), clusters, crossed], axis=1)
