"""Hierarchical contextual bandits: from the top of the cluster tree down to a cluster.

Source: Song et al., "Show Me the Whole World", WSDM 2022 (arXiv 2110.09905): HCB decides level by
level, each by LinUCB, and what is learnt of a cluster is learnt of all above it; pHCB sees the top
only at first, and the children of a node once the node has proved itself. There a user has weights
of their own, learnt over hundreds of answers; here people answer a few times, so that the weights
are everybody's and the user enters by the features.

Shapes: U users, N clusters of the serving level, N_l nodes of level l, D dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.bandits.config import BanditConfig
from training.bandits.linear_posterior import LinearPosterior
from training.bandits.policy import Feedback, Floats, Integers, matched_features, pair_features


@dataclass(frozen=True)
class BanditTree:
    """The levels from the top down to the serving level.

    Attributes:
        vectors: of the nodes of each level, [N_l, D] each.
        ancestors: the node of each level above every serving cluster, [N] each; the last level's
            are the clusters themselves.
    """

    vectors: tuple[Floats, ...]
    ancestors: tuple[Integers, ...]

    @classmethod
    def over(cls, clusters: Floats, ancestors: Sequence[Integers]) -> BanditTree:
        """Return the tree over these serving clusters; a node's vector is its clusters' mean.

        Args:
            clusters: vectors of the serving clusters, [N, D].
            ancestors: of the levels above, from the top, [N] each.
        """
        levels = (*ancestors, np.arange(len(clusters)))
        vectors = []
        for nodes in levels:
            sums = np.zeros((int(nodes.max()) + 1, clusters.shape[1]))
            np.add.at(sums, nodes, clusters)
            vectors.append(sums / np.maximum(np.bincount(nodes), 1)[:, None])
        return cls(tuple(vectors), levels)


class HierarchicalBandit:
    """HCB: at each level the child with the highest upper bound, until a cluster is reached."""

    def __init__(self, tree: BanditTree, config: BanditConfig) -> None:
        """Start with nothing learnt."""
        dimensions = tree.vectors[-1].shape[1]
        n_features = (dimensions + 1) ** 2 - dimensions
        self._tree, self._width = tree, config.width
        self._levels = [LinearPosterior(n_features, config.ridge) for _ in tree.vectors]

    def choose(self, users: Floats, offered: NDArray[np.bool_], n: int) -> list[list[int]]:
        """See :class:`~training.bandits.policy.ClusterBandit`."""
        bounds = self._upper_bounds(users)
        open_ = offered.copy()
        chosen: list[list[int]] = [[] for _ in users]
        rows = np.arange(len(users))
        for _ in range(min(n, offered.shape[1])):
            below = open_  # serving clusters under the node that was reached, [U, N]
            for nodes, bound in zip(self._tree.ancestors, bounds, strict=True):
                of_cluster = np.where(below, bound[:, nodes], -np.inf)  # [U, N]
                best = nodes[of_cluster.argmax(axis=1)]  # [U]
                below = below & (nodes[None] == best[:, None])
            found = below.any(axis=1)
            cluster = below.argmax(axis=1)
            for user in rows[found]:
                chosen[user].append(int(cluster[user]))
            open_[rows[found], cluster[found]] = False
        return chosen

    def learn(self, feedback: Feedback, weight: float = 1.0) -> None:
        """Learn of each cluster and of every node above it; see the protocol."""
        for level, posterior in enumerate(self._levels):
            nodes = self._tree.ancestors[level][feedback.clusters]
            features = matched_features(feedback.users, self._tree.vectors[level][nodes])
            posterior.learn(features, feedback.rewards, weight)

    def _upper_bounds(self, users: Floats) -> list[Floats]:
        bounds = []
        for vectors, posterior in zip(self._tree.vectors, self._levels, strict=True):
            features = pair_features(users, vectors)  # [U, N_l, F]
            bounds.append(posterior.expect(features) + self._width * posterior.deviate(features))
        return bounds


class ProgressiveBandit(HierarchicalBandit):
    """pHCB: the best of the visible nodes; nodes whose items are liked show their children.

    Within a node that shows no children a cluster is drawn, each alike.
    """

    def __init__(self, tree: BanditTree, config: BanditConfig, rng: np.random.Generator) -> None:
        """Start with the top level visible."""
        super().__init__(tree, config)
        self._config, self._rng = config, rng
        self._shown = [np.zeros(len(vectors)) for vectors in tree.vectors]
        self._liked = [np.zeros(len(vectors)) for vectors in tree.vectors]

    def choose(self, users: Floats, offered: NDArray[np.bool_], n: int) -> list[list[int]]:
        """See :class:`~training.bandits.policy.ClusterBandit`."""
        level_of_cluster = self._visible_levels()  # [N]
        bounds = self._upper_bounds(users)
        bound = np.empty(offered.shape)  # of the visible node above each cluster, [U, N]
        node = np.empty(len(level_of_cluster), dtype=np.int64)  # one number a visible node, [N]
        start = 0
        for level, nodes in enumerate(self._tree.ancestors):
            here = level_of_cluster == level
            bound[:, here] = bounds[level][:, nodes[here]]
            node[here] = start + nodes[here]
            start += len(self._tree.vectors[level])
        luck = self._rng.random(offered.shape)
        return [
            _draw_in_best_nodes(bound[user], node, luck[user], offered[user], n)
            for user in range(len(users))
        ]

    def learn(self, feedback: Feedback, weight: float = 1.0) -> None:
        """Learn as HCB does, and count what each node was shown and liked for."""
        super().learn(feedback, weight)
        for level, nodes in enumerate(self._tree.ancestors):
            of_feedback = nodes[feedback.clusters]
            np.add.at(self._shown[level], of_feedback, weight)
            np.add.at(self._liked[level], of_feedback, weight * feedback.rewards)

    def _visible_levels(self) -> Integers:
        """Return the level of the visible node above each serving cluster, [N]."""
        levels = np.zeros(len(self._tree.ancestors[-1]), dtype=np.int64)
        for level, nodes in enumerate(self._tree.ancestors[:-1]):
            depth = np.log(level + 2)  # the top level is a step below the root
            shown, liked = self._shown[level], self._liked[level]
            grown = (shown >= self._config.expand_after * depth) & (
                liked >= self._config.expand_rate * depth * shown
            )
            levels[(levels == level) & grown[nodes]] = level + 1
        return levels


def _draw_in_best_nodes(
    bound: Floats, node: Integers, luck: Floats, offered: NDArray[np.bool_], n: int
) -> list[int]:
    """Return up to ``n`` clusters: again and again one of the best node's, drawn by ``luck``."""
    order = np.lexsort((luck, node, -bound))
    return [int(cluster) for cluster in order if offered[cluster]][:n]
