"""Contexts of the table to learn at, those in which a cluster stands out among them.

A seldom chosen cluster comes first in a few contexts of thousands. Where contexts are drawn at
random, these are seen so rarely that the planner smooths them away, and the cluster stands in no
row's top. Drawing the cluster first and then one of its contexts is what the paper's equal
number of examples for each target does (arXiv 2405.16363), here without giving up the other rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from expectations.contracts.values import HISTORY_SIZE, ClusterContext, all_contexts
from training.planner.config import PlannerConfig

# Shapes: B contexts, N clusters, C contexts compared, P top contexts of a cluster.

N_COMPARED_CONTEXTS = 16_384
"""Every context of up to 180 clusters; beyond, so many drawn ones fit a matrix with 1,000 clusters
into 131 MB."""
TOP_SHARE = 0.01
"""Of the contexts compared: a cluster's top contexts are those that expect it most."""


@dataclass(frozen=True)
class TableContexts:
    """Draws contexts of the table.

    Attributes:
        n_clusters: of the level that is served.
        single_share: of single clusters among contexts drawn at random.
        class_balanced_share: of contexts in which a cluster, drawn at random, is expected most.
        compared: contexts among which the top contexts are, C.
        top_contexts: indices into ``compared``, int64 [N, P].
    """

    n_clusters: int
    single_share: float
    class_balanced_share: float
    compared: Sequence[ClusterContext]
    top_contexts: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        expect: Callable[[Sequence[ClusterContext]], NDArray[np.float64]],
        n_clusters: int,
        config: PlannerConfig,
    ) -> TableContexts:
        """Return the contexts to draw, the same ones every time.

        Args:
            expect: returns a distribution over the clusters after each context, [B, N].
            n_clusters: N.
            config: ``single_share`` and ``class_balanced_share``.
        """
        if n_clusters * (n_clusters + 1) // 2 <= N_COMPARED_CONTEXTS:
            compared = list(all_contexts(n_clusters))
        else:
            rng = np.random.default_rng(0)
            compared = draw_contexts(n_clusters, N_COMPARED_CONTEXTS, config.single_share, rng)
        n_top = max(1, round(TOP_SHARE * len(compared)))
        order = np.argsort(-expect(compared), axis=0, kind="stable")  # [C, N]
        return cls(
            n_clusters, config.single_share, config.class_balanced_share, compared, order[:n_top].T
        )

    def draw(self, count: int, rng: np.random.Generator) -> list[ClusterContext]:
        """Return ``count`` contexts: any first, then those drawn by a cluster."""
        n_balanced = round(self.class_balanced_share * count)
        contexts = draw_contexts(self.n_clusters, count - n_balanced, self.single_share, rng)
        clusters = rng.integers(self.n_clusters, size=n_balanced)
        drawn = rng.integers(self.top_contexts.shape[1], size=n_balanced)
        indices = self.top_contexts[clusters, drawn]
        return contexts + [self.compared[index] for index in indices.tolist()]


def draw_contexts(
    n_clusters: int, count: int, single_share: float, rng: np.random.Generator
) -> list[ClusterContext]:
    """Return random contexts of the table, single clusters among them."""
    members = [
        rng.choice(
            n_clusters, size=1 if rng.random() < single_share else HISTORY_SIZE, replace=False
        )
        for _ in range(count)
    ]
    return [ClusterContext.of(*chosen.tolist()) for chosen in members]
