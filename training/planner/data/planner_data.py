"""What the planner learns from: people's transitions, and what everybody's let expect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from expectations.contracts.values import ClusterContext
from training.clusters.distance import Ancestors
from training.planner.config import PlannerConfig
from training.planner.data.context_index import ContextIndex
from training.planner.data.table_contexts import TableContexts, draw_contexts
from training.planner.data.transitions import Transitions, weigh_targets

# Shapes: B contexts, N clusters.

N_WEIGHED_CONTEXTS = 4096
"""Contexts of the table that a cluster's mean expectation is read from: the standard error of a
mean is a 64th of what contexts differ by."""


class Collective(Protocol):
    """What everybody's choices let expect after a context."""

    def score_batch(self, contexts: Sequence[ClusterContext]) -> NDArray[np.float64]:
        """Return the log-probability of every cluster, [B, N]; minus infinity at members."""
        ...


@dataclass(frozen=True)
class BalancedSignal:
    """The collective signal with the clusters that it expects most counting less.

    Counts of likes are the wrong measure: the signal's own mean over the table can differ much
    from them, and what lifts a seldom liked cluster above others may push those out of every row.

    Attributes:
        signal: as it was fitted.
        log_weights: added to its log-probabilities, [N].
    """

    signal: Collective
    log_weights: NDArray[np.float64]

    def expect(self, contexts: Sequence[ClusterContext]) -> NDArray[np.float64]:
        """Return a distribution over the clusters after each context, [B, N]; 0 at members."""
        return _normalise(self.score_batch(contexts))

    def score_batch(self, contexts: Sequence[ClusterContext]) -> NDArray[np.float64]:
        """Return the logarithms of that distribution, each row less a number, [B, N]."""
        return self.signal.score_batch(contexts) + self.log_weights


def balance_signal(signal: Collective, n_clusters: int, config: PlannerConfig) -> BalancedSignal:
    """Return the signal divided by how much it expects each cluster, over the table.

    ``w_c`` is ``m_c ** -target_balance``, where ``m_c`` is the signal's mean share of cluster c
    over random contexts of the table, always the same.

    Args:
        signal: what to balance.
        n_clusters: of the level that is served.
        config: ``target_balance`` and ``single_share``.
    """
    rng = np.random.default_rng(0)
    contexts = draw_contexts(n_clusters, N_WEIGHED_CONTEXTS, config.single_share, rng)
    mean = _normalise(signal.score_batch(contexts)).mean(axis=0)  # [N]
    mean = np.maximum(mean, np.finfo(np.float32).tiny)
    return BalancedSignal(signal, -config.target_balance * np.log(mean))


@dataclass(frozen=True)
class PlannerData:
    """What is learned from.

    Attributes:
        examples: transitions.
        context_index: which of them share a prompt.
        target_weights: what a person's choice counts by its novel cluster, float32 [N].
        collective: what is to be expected after any context; ``None`` to do without.
        table: contexts to learn that at, beside people's; ``None`` to do without.
        ancestors: of the clusters, by which distances are measured; ``None`` to do without.
    """

    transitions: Transitions
    context_index: ContextIndex
    target_weights: NDArray[np.float32]
    collective: BalancedSignal | None = None
    table: TableContexts | None = None
    ancestors: Ancestors | None = None

    @classmethod
    def of(
        cls,
        transitions: Transitions,
        n_clusters: int,
        config: PlannerConfig,
        collective: Collective | None = None,
        ancestors: Ancestors | None = None,
    ) -> PlannerData:
        """Return what the settings make of these transitions."""
        weights = weigh_targets(transitions, n_clusters, config.target_balance)
        context_index = ContextIndex(transitions, config)
        if collective is None or not config.collective_weight:
            return cls(transitions, context_index, weights, ancestors=ancestors)
        expected = balance_signal(collective, n_clusters, config)
        table = TableContexts.of(expected.expect, n_clusters, config)
        return cls(transitions, context_index, weights, expected, table, ancestors)

    def distances_of(self, contexts: Sequence[ClusterContext]) -> NDArray[np.int8]:
        """Return codes of how far each cluster is from a context's, [B, N].

        Raises:
            ValueError: nobody said which families and fields there are.
        """
        if self.ancestors is None:
            raise ValueError("planner.distance_balance needs to know families and fields")
        return self.ancestors.distances_of([context.members for context in contexts])


def _normalise(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distributions that are proportional to ``exp(logs)``, by row."""
    shares = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))
