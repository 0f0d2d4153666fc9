"""Weighs the evidence: few weights, of the greatest likelihood on validation transitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from expectations.contracts.values import NO_CLUSTER, ClusterContext, contexts_of_history
from training.baselines.clusters.pair_counts import PairCounts
from training.collective.backoff import (
    BackoffWeights,
    backoff_from_metrics,
    fit_backoff,
    mean_score,
)
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
        backoff: what stands for the evidence of clusters without a log.
    """

    of_evidence: NDArray[np.float64]
    pair_prior: float
    loss: float
    n_transitions: int
    backoff: BackoffWeights

    def weigh(self, evidence: Evidence) -> CollectiveSignal:
        """Return the signal that this evidence gives."""
        association = np.tensordot(self.of_evidence[1:], evidence.associations, axes=1)  # [N, N]
        blended = np.where(evidence.has_log, association, self._back_off(evidence))
        counts = evidence.counts.with_prior(self.pair_prior)
        return CollectiveSignal(counts, self.of_evidence[0] * evidence.has_log, blended)

    def split(self, evidence: Evidence, context: ClusterContext) -> NDArray[np.float64]:
        """Return what each piece of evidence adds to the log of every cluster's share, [F, N].

        Their sum is the signal's score but for a number that is the same for every cluster. What a
        cluster has by back-off is put down to the words.
        """
        shares = evidence.counts.with_prior(self.pair_prior).score_batch([context])  # [1, N]
        ends = [context.members[0], context.members[-1]]
        associations = evidence.associations[:, ends].mean(axis=1)  # [F - 1, N]
        parts = self.of_evidence[:, None] * np.concatenate([shares, associations])
        backed_off = np.zeros_like(parts)
        backed_off[EVIDENCE.index("text")] = self._back_off(evidence)[ends].mean(axis=0)
        return np.asarray(np.where(evidence.has_log, parts, backed_off))

    def _back_off(self, evidence: Evidence) -> NDArray[np.float64]:
        """Return what cluster a would say for cluster c if c had no log, [N, N]."""
        mean = _mean_score(evidence, self.of_evidence, self.pair_prior)
        return self.backoff.score(evidence, mean)

    def to_metrics(self) -> dict[str, float]:
        """Return them as named figures."""
        named = dict(zip(EVIDENCE, self.of_evidence.round(4).tolist(), strict=True))
        return {
            **{f"weight_{name}": weight for name, weight in named.items()},
            "pair_prior": self.pair_prior,
            "validation_loss": round(self.loss, 4),
            "n_validation_transitions": self.n_transitions,
            **self.backoff.to_metrics(),
        }


def weights_from_metrics(figures: Mapping[str, float]) -> CollectiveWeights:
    """Return the weights that :meth:`CollectiveWeights.to_metrics` rounded to four decimals."""
    return CollectiveWeights(
        np.array([figures[f"weight_{name}"] for name in EVIDENCE]),
        figures["pair_prior"],
        figures["validation_loss"],
        int(figures["n_validation_transitions"]),
        backoff_from_metrics(figures),
    )


def fit_weights(
    evidence: Evidence, transitions: Transitions, config: CollectiveConfig, rng: np.random.Generator
) -> CollectiveWeights:
    """Return the weights and the strength of back-off that make these transitions likeliest.

    A transition's probability is a softmax, over the clusters not in its history, of what the
    contexts of its history say on average (a conditional logit: McFadden, 1974). Clusters without
    a log are no part of it: they have weights of their own, see :func:`fit_backoff`.

    Args:
        evidence: from before the transitions.
        transitions: of the validation split.
        config: back-offs tried, ridge, and how many transitions are looked at.
        rng: draws those where there are more.
    """
    count = min(config.max_transitions, len(transitions))
    drawn = transitions.take(np.sort(rng.permutation(len(transitions))[:count]))
    associations = _associations_of(evidence, drawn)  # [R, F - 1, N]
    is_candidate = drawn.candidates(evidence.n_clusters) & evidence.has_log  # [R, N]
    is_candidate[np.arange(count), drawn.targets] = True
    tried = []
    for prior in config.pair_priors:
        features = _features_of(evidence, drawn, associations, prior)
        weights, loss = _fit_weights(features, drawn.targets, is_candidate, config.ridge)
        tried.append((loss, prior, weights))
    loss, prior, weights = min(tried, key=lambda found: found[0])
    scores = np.einsum("f,rfn->rn", weights, _features_of(evidence, drawn, associations, prior))
    mean = _mean_score(evidence, weights, prior)
    backoff = fit_backoff(evidence, drawn, scores, is_candidate, mean, config.ridge)
    return CollectiveWeights(weights, prior, loss, count, backoff)


def _mean_score(evidence: Evidence, weights: NDArray[np.float64], prior: float) -> float:
    """Return the mean score of the clusters with a log, after every other single cluster."""
    singles = [ClusterContext.of(cluster) for cluster in range(evidence.n_clusters)]
    log_shares = evidence.counts.with_prior(prior).score_batch(singles)  # [N, N]
    association = np.tensordot(weights[1:], evidence.associations, axes=1)  # [N, N]
    return mean_score(evidence, weights[0] * log_shares + association)


def _features_of(
    evidence: Evidence,
    transitions: Transitions,
    associations: NDArray[np.float64],
    prior: float,
) -> NDArray[np.float64]:
    """Return all evidence on what follows each history, [R, F, N]."""
    log_shares = _counts_of(evidence.counts.with_prior(prior), transitions)  # [R, N]
    return np.concatenate([log_shares[:, None], associations], axis=1)


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
    features: NDArray[np.float64],
    targets: NDArray[np.int64],
    is_candidate: NDArray[np.bool_],
    ridge: float,
) -> tuple[NDArray[np.float64], float]:
    """Return the weights [F] and the mean loss without the ridge."""
    spread = features.std(axis=(0, 2), keepdims=True)  # [1, F, 1]
    known = np.where(spread > 0, spread, 1.0)
    scaled = (features - features.mean(axis=(0, 2), keepdims=True)) / known  # [R, F, N]
    chosen = scaled[np.arange(len(targets)), :, targets]  # [R, F]

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
