"""Contexts of the table to learn at, those in which a cluster stands out among them.

A seldom chosen cluster comes first in a few contexts of thousands. Where contexts are drawn at
random, these are seen so rarely that the planner smooths them away, and the cluster stands in no
row's first places. Drawing the cluster first and then one of its contexts is what the paper's equal
number of examples for each target does (arXiv 2405.16363), here without giving up the other rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from expectations.contracts.values import HISTORY_SIZE, ClusterPair, all_pairs
from training.planner.config import PlannerConfig

# Shapes: B contexts, N clusters, C contexts compared, P peaks of a cluster.

CONTEXTS_COMPARED = 16_384
PEAK_PART = 0.01
"""Of the contexts compared: a cluster's peaks are those that expect it most."""


@dataclass(frozen=True)
class TableContexts:
    """Draws contexts of the table.

    Attributes:
        n_clusters: of the level that is served.
        single_share: of single clusters among contexts drawn at random.
        peak_share: of contexts in which a cluster, drawn at random, is expected most.
        compared: contexts among which the peaks are, C.
        peaks: places in ``compared``, int64 [N, P].
    """

    n_clusters: int
    single_share: float
    peak_share: float
    compared: Sequence[ClusterPair]
    peaks: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        expect: Callable[[Sequence[ClusterPair]], NDArray[np.float64]],
        n_clusters: int,
        config: PlannerConfig,
    ) -> TableContexts:
        """Return the contexts to draw, the same ones every time.

        Args:
            expect: returns a distribution over the clusters after each context, [B, N].
            n_clusters: N.
            config: ``single_share`` and ``peak_share``.
        """
        if n_clusters * (n_clusters + 1) // 2 <= CONTEXTS_COMPARED:
            compared = list(all_pairs(n_clusters))
        else:
            rng = np.random.default_rng(0)
            compared = draw_contexts(n_clusters, CONTEXTS_COMPARED, config.single_share, rng)
        n_peaks = max(1, round(PEAK_PART * len(compared)))
        order = np.argsort(-expect(compared), axis=0, kind="stable")  # [C, N]
        return cls(n_clusters, config.single_share, config.peak_share, compared, order[:n_peaks].T)

    def draw(self, count: int, rng: np.random.Generator) -> list[ClusterPair]:
        """Return ``count`` contexts: any first, then peaks."""
        n_peaks = round(self.peak_share * count)
        contexts = draw_contexts(self.n_clusters, count - n_peaks, self.single_share, rng)
        clusters = rng.integers(self.n_clusters, size=n_peaks)
        places = self.peaks[clusters, rng.integers(self.peaks.shape[1], size=n_peaks)]
        return contexts + [self.compared[place] for place in places.tolist()]


def draw_contexts(
    n_clusters: int, count: int, single_share: float, rng: np.random.Generator
) -> list[ClusterPair]:
    """Return random contexts of the table, single clusters among them."""
    members = [
        rng.choice(
            n_clusters, size=1 if rng.random() < single_share else HISTORY_SIZE, replace=False
        )
        for _ in range(count)
    ]
    return [ClusterPair.of(*chosen.tolist()) for chosen in members]
