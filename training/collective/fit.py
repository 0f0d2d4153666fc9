"""Weighs the evidence: few weights, of the greatest likelihood on validation transitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from expectations.contracts.values import NO_CLUSTER, ClusterContext, contexts_of_history
from training.baselines.clusters.pair_counts import PairCounts
from training.collective.config import CollectiveConfig
from training.collective.evidence import ASSOCIATIONS, Evidence
from training.collective.signal import CollectiveSignal
from training.planner.data.transitions import Transitions

# Shapes: R transitions, N clusters, F kinds of evidence: pair counts, then ASSOCIATIONS.

PAIR_COUNTS = "pair_counts"
EVIDENCE = (PAIR_COUNTS, *ASSOCIATIONS)
TRANSITIONS_AT_ONCE = 256
"""Bounds the memory: 28 contexts of eight clusters each, times N floats."""


@dataclass(frozen=True)
class CollectiveWeights:
    """What each piece of evidence counts.

    Attributes:
        of_evidence: by the names of :data:`EVIDENCE`, [F].
        pair_prior: strength of the pair counts' back-off.
        loss: mean negative log-likelihood of the transitions they were fitted on, in nats.
        n_transitions: how many those were.
    """

    of_evidence: NDArray[np.float64]
    pair_prior: float
    loss: float
    n_transitions: int

    def weigh(self, evidence: Evidence) -> CollectiveSignal:
        """Return the signal that this evidence gives."""
        association = np.tensordot(self.of_evidence[1:], evidence.associations, axes=1)  # [N, N]
        counts = evidence.counts.with_prior(self.pair_prior)
        return CollectiveSignal(counts, float(self.of_evidence[0]), association)

    def split(self, evidence: Evidence, context: ClusterContext) -> NDArray[np.float64]:
        """Return what each piece of evidence adds to the log of every cluster's share, [F, N].

        Their sum is the signal's score but for a number that is the same for every cluster.
        """
        shares = evidence.counts.with_prior(self.pair_prior).score_batch([context])  # [1, N]
        ends = [context.members[0], context.members[-1]]
        associations = evidence.associations[:, ends].mean(axis=1)  # [F - 1, N]
        return np.asarray(self.of_evidence[:, None] * np.concatenate([shares, associations]))

    def to_metrics(self) -> dict[str, float]:
        """Return them as named figures."""
        named = dict(zip(EVIDENCE, self.of_evidence.round(4).tolist(), strict=True))
        return {
            **{f"weight_{name}": weight for name, weight in named.items()},
            "pair_prior": self.pair_prior,
            "validation_loss": round(self.loss, 4),
            "n_validation_transitions": self.n_transitions,
        }


def weights_from_metrics(figures: Mapping[str, float]) -> CollectiveWeights:
    """Return the weights that :meth:`CollectiveWeights.to_metrics` rounded to four decimals."""
    return CollectiveWeights(
        np.array([figures[f"weight_{name}"] for name in EVIDENCE]),
        figures["pair_prior"],
        figures["validation_loss"],
        int(figures["n_validation_transitions"]),
    )


def fit_weights(
    evidence: Evidence, transitions: Transitions, config: CollectiveConfig, rng: np.random.Generator
) -> CollectiveWeights:
    """Return the weights and the back-off that make these transitions likeliest.

    A transition's probability is a softmax, over the clusters not in its history, of what the
    contexts of its history say on average (a conditional logit: McFadden, 1974).

    Args:
        evidence: from before the transitions.
        transitions: of the validation split.
        config: back-offs tried, ridge, and how many transitions are looked at.
        rng: draws those where there are more.
    """
    count = min(config.max_transitions, len(transitions))
    drawn = transitions.take(np.sort(rng.permutation(len(transitions))[:count]))
    associations = _associations_of(evidence, drawn)  # [R, F - 1, N]
    tried = []
    for prior in config.pair_priors:
        log_shares = _counts_of(evidence.counts.with_prior(prior), drawn)  # [R, N]
        features = np.concatenate([log_shares[:, None], associations], axis=1)  # [R, F, N]
        weights, loss = _fit_weights(features, drawn, config.ridge)
        tried.append(CollectiveWeights(weights, prior, loss, count))
    return min(tried, key=lambda found: found.loss)


def _associations_of(evidence: Evidence, transitions: Transitions) -> NDArray[np.float64]:
    """Return the mean associations of each history's clusters, [R, F - 1, N]."""
    rows = [
        evidence.associations[:, history[history != NO_CLUSTER]].mean(axis=1)
        for history in transitions.histories
    ]
    return np.stack(rows)


def _counts_of(counts: PairCounts, transitions: Transitions) -> NDArray[np.float64]:
    """Return the mean log share of each history's contexts, [R, N]."""
    found = []
    for start in range(0, len(transitions), TRANSITIONS_AT_ONCE):
        contexts: list[ClusterContext] = []
        starts = []
        for history in transitions.histories[start : start + TRANSITIONS_AT_ONCE]:
            starts.append(len(contexts))
            contexts += contexts_of_history(history[history != NO_CLUSTER].tolist())
        sums = np.add.reduceat(counts.score_batch(contexts), starts, axis=0)
        lengths = np.diff([*starts, len(contexts)])
        found.append(sums / lengths[:, None])
    return np.concatenate(found)


def _fit_weights(
    features: NDArray[np.float64], transitions: Transitions, ridge: float
) -> tuple[NDArray[np.float64], float]:
    """Return the weights [F] and the mean loss without the ridge."""
    spread = features.std(axis=(0, 2), keepdims=True)  # [1, F, 1]
    known = np.where(spread > 0, spread, 1.0)
    scaled = (features - features.mean(axis=(0, 2), keepdims=True)) / known  # [R, F, N]
    is_candidate = transitions.candidates(features.shape[2])  # [R, N]
    rows = np.arange(len(transitions))
    chosen = scaled[rows, :, transitions.targets]  # [R, F]

    def loss_of(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scores = np.where(is_candidate, np.einsum("f,rfn->rn", weights, scaled), -np.inf)  # [R, N]
        highest = scores.max(axis=1, keepdims=True)
        shares = np.exp(scores - highest)
        total = shares.sum(axis=1, keepdims=True)
        loss = (highest + np.log(total))[:, 0] - chosen @ weights
        expected = np.einsum("rn,rfn->rf", shares / total, scaled)
        gradient = (expected - chosen).mean(axis=0) + 2 * ridge * weights
        return float(loss.mean() + ridge * weights @ weights), gradient

    found = minimize(loss_of, np.zeros(features.shape[1]), jac=True, method="L-BFGS-B")
    loss = float(found.fun - ridge * found.x @ found.x)
    return np.where(spread > 0, 1 / known, 0.0)[0, :, 0] * found.x, loss
