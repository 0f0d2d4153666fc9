"""Pair counts with back-off: how often users who liked two clusters came to like a third next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from expectations.contracts.values import HISTORY_SIZE, ClusterContext
from training.baselines.clusters.visits import Visits

# Shapes: V visits, B contexts, N clusters.


@dataclass(frozen=True)
class PairCounts:
    """Counts of novel likes after one and after two liked clusters, smoothed when asked.

    Attributes:
        pairs: target counts of the pair a < b in row a * N + b, sparse [N * N, N].
        singles: target counts of one cluster, [N, N].
        popularity: novel likes of each cluster, [N].
        prior: strength of the back-off, in observations.
    """

    pairs: csr_matrix
    singles: NDArray[np.float64]
    popularity: NDArray[np.float64]
    prior: float

    def score_batch(self, contexts: Sequence[ClusterContext]) -> NDArray[np.float64]:
        """Return the log-probability of every cluster after these contexts, [B, N].

        A pair's distribution is drawn towards the mean of its members', a member's towards
        popularity, popularity towards uniform: each by ``prior`` observations (hierarchical
        Dirichlet smoothing: MacKay and Peto, 1995).
        """
        n_clusters = len(self.popularity)
        after_one = self._after_one
        members = [(pair.members[0], pair.members[-1]) for pair in contexts]
        ends = np.array(members, dtype=np.int64).reshape(-1, 2)  # [B, 2]
        expected = (after_one[ends[:, 0]] + after_one[ends[:, 1]]) / 2  # [B, N]
        counts = self.pairs[ends[:, 0] * n_clusters + ends[:, 1]].toarray()  # [B, N]
        return np.asarray(np.log(_smooth(counts, expected, self.prior)))

    @cached_property
    def _after_one(self) -> NDArray[np.float64]:
        """The distribution after each single cluster, [N, N]."""
        n_clusters = len(self.popularity)
        anybody = _smooth(self.popularity[None], np.full((1, n_clusters), 1 / n_clusters), 1.0)
        return _smooth(self.singles, anybody, self.prior)

    def with_prior(self, prior: float) -> PairCounts:
        """Return the same counts with another strength of back-off."""
        return replace(self, prior=prior)


def count_pairs(visits: Visits, window: int, prior: float) -> PairCounts:
    """Count targets after every pair among the ``window`` clusters liked last before them.

    Only strictly earlier likes count; clusters first liked at the same time are no context of
    each other.
    """
    n_clusters = visits.n_clusters
    pairs = csr_matrix((n_clusters**2, n_clusters))
    singles = np.zeros((n_clusters, n_clusters))
    liked = visits.liked_at >= 0
    users, clusters = visits.users[liked], visits.clusters[liked]
    times, novel = visits.liked_at[liked], visits.novel_likes[liked]
    for lags in _lags(window):
        rows = np.arange(max(lags), len(users))
        earlier = [rows - lag for lag in lags]
        together = novel[rows]
        for before in earlier:
            together &= (users[before] == users[rows]) & (times[before] < times[rows])
        targets = clusters[rows[together]]
        members = np.sort([clusters[before[together]] for before in earlier], axis=0)
        if len(lags) == HISTORY_SIZE:
            keys = (members[0] * n_clusters + members[1], targets)
            pairs = pairs + csr_matrix((np.ones(len(targets)), keys), shape=pairs.shape)
        else:
            np.add.at(singles, (members[0], targets), 1.0)
    popularity = np.bincount(clusters[novel], minlength=n_clusters).astype(np.float64)
    return PairCounts(pairs, singles, popularity, prior)


def _lags(window: int) -> Iterator[tuple[int, ...]]:
    """Yield how many visits back the one or two context clusters lie."""
    for size in range(1, HISTORY_SIZE + 1):
        yield from combinations(range(1, window + 1), size)


def _smooth(
    counts: NDArray[np.float64], expected: NDArray[np.float64], prior: float
) -> NDArray[np.float64]:
    """Return distributions [rows, N]: counts, with ``prior`` further ones as expected."""
    return np.asarray((counts + prior * expected) / (counts.sum(axis=1, keepdims=True) + prior))
