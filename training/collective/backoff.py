"""Back-off to words: what is expected of a cluster that has no log yet.

A cluster that nobody has touched has no counts, which would read as the least likely of all. Its
words are known, and so is what the log says of the clusters most alike in words. Both are weighed
by how well they foretell clusters that do have a log, held out in turn as if they were fresh.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

from expectations.contracts.values import NO_CLUSTER
from training.collective.evidence import ASSOCIATIONS, Evidence
from training.planner.data.transitions import Transitions

# Shapes: R transitions, N clusters, G kinds of evidence of the back-off, H clusters held out.

IMPUTED = ("co_consumption", "collaborative")
"""Associations of the log that are imputed from clusters alike in words."""
BACKOFF_EVIDENCE = (*IMPUTED, "text")
LIKENESS_POWER = 4
"""Of the cosine that a donor is weighed by: the few most alike count."""
FOLDS = 10
"""A tenth of the clusters is held out at a time."""
TINY = 1e-6
"""Weight of the plain mean beside the donors': it tells only where no donor is alike."""


@dataclass(frozen=True)
class BackoffWeights:
    """What the back-off counts.

    Attributes:
        of_evidence: by the names of :data:`BACKOFF_EVIDENCE`, [G].
        level: of its score above the mean score of the clusters with a log.
    """

    of_evidence: NDArray[np.float64]
    level: float

    def score(self, evidence: Evidence, mean: float) -> NDArray[np.float64]:
        """Return what the back-off makes of what cluster a says for cluster c, [N, N].

        ``mean`` is that of the clusters with a log, see :func:`mean_score`.
        """
        found = impute_by_words(evidence, evidence.has_log)
        return np.tensordot(self.of_evidence, found, axes=1) + self.level + mean

    def to_metrics(self) -> dict[str, float]:
        """Return them as named figures."""
        named = dict(zip(BACKOFF_EVIDENCE, self.of_evidence.round(4).tolist(), strict=True))
        return {
            **{f"backoff_{name}": weight for name, weight in named.items()},
            "backoff_level": round(self.level, 4),
        }


def backoff_from_metrics(figures: Mapping[str, float]) -> BackoffWeights:
    """Return the weights that :meth:`BackoffWeights.to_metrics` rounded to four decimals."""
    weights = np.array([figures[f"backoff_{name}"] for name in BACKOFF_EVIDENCE])
    return BackoffWeights(weights, figures["backoff_level"])


def impute_by_words(evidence: Evidence, donors: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the evidence of the back-off that cluster a gives for cluster c, [G, N, N].

    Each kind in :data:`IMPUTED` is the mean of what a gives the donors other than itself, weighed
    by how alike their words are to those of c (kernel regression: Nadaraya, 1964; Watson, 1964).
    The last is how alike the words of a and c are.

    Args:
        evidence: of all clusters.
        donors: clusters with a log, [N].
    """
    text = evidence.associations[ASSOCIATIONS.index("text")]
    alike = np.maximum(text, 0.0) ** LIKENESS_POWER * donors  # [c, donor]
    others = (1.0 - np.eye(evidence.n_clusters)) * donors  # [a, donor]
    n_others = np.maximum(others.sum(axis=1, keepdims=True), 1.0)  # [a, 1]
    found = []
    for name in IMPUTED:
        given = evidence.associations[ASSOCIATIONS.index(name)] * others  # [a, donor]
        mean = given.sum(axis=1, keepdims=True) / n_others  # [a, 1]
        found.append((given @ alike.T + TINY * mean) / (others @ alike.T + TINY))
    return np.stack([*found, text])


def mean_score(evidence: Evidence, scores: NDArray[np.float64]) -> float:
    """Return the mean score of the clusters with a log after every other single one.

    Args:
        evidence: which clusters have a log.
        scores: after every single cluster, by each cluster's own evidence, [N, N].
    """
    counted = evidence.has_log & ~np.eye(evidence.n_clusters, dtype=bool)
    return float(scores[counted].mean()) if counted.any() else 0.0


def fit_backoff(
    evidence: Evidence,
    transitions: Transitions,
    scores: NDArray[np.float64],
    is_candidate: NDArray[np.bool_],
    mean: float,
    ridge: float,
) -> BackoffWeights:
    """Return the weights under which transitions are likeliest while clusters are held out.

    A tenth of the clusters with a log at a time is scored as if it had none, beside the others with
    theirs: so what ranks such clusters is learnt, and how high they stand among the others.

    Args:
        evidence: from before the transitions.
        transitions: R of them.
        scores: of every cluster after each, by its own evidence, [R, N].
        is_candidate: whether it may follow and has a log, or did follow, [R, N].
        mean: of :func:`mean_score`.
        ridge: L2 weight on the weights of the standardised evidence.
    """
    known = np.flatnonzero(evidence.has_log)
    folds = [known[start::FOLDS] for start in range(min(FOLDS, len(known)))]
    if not folds:
        return BackoffWeights(np.zeros(len(BACKOFF_EVIDENCE)), 0.0)
    found = [_backoff_after(evidence, transitions, fold) for fold in folds]  # [R, G, H] each
    together = np.concatenate(found, axis=2)
    centre, spread = together.mean(axis=(0, 2)), together.std(axis=(0, 2))  # [G]
    scale = np.where(spread > 0, spread, np.inf)
    episodes = [
        _Episode.of(
            fold,
            (features - centre[:, None]) / scale[:, None],
            transitions.targets,
            scores,
            is_candidate,
        )
        for fold, features in zip(folds, found, strict=True)
    ]

    def loss_of(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        penalty = ridge * parameters * np.append(np.ones(len(scale)), 0.0)  # none on the level
        told = [episode.loss_of(parameters[:-1], parameters[-1] + mean) for episode in episodes]
        loss = np.mean([loss for loss, _ in told]) + penalty @ parameters
        return float(loss), np.mean([slopes for _, slopes in told], axis=0) + 2 * penalty

    fitted = minimize(loss_of, np.zeros(len(scale) + 1), jac=True, method="L-BFGS-B").x
    weights = fitted[:-1] / scale
    return BackoffWeights(weights, float(fitted[-1] - weights @ centre))


@dataclass(frozen=True)
class _Episode:
    """Transitions while some clusters are held out.

    Attributes:
        features: standardised evidence of the back-off, [R, G, H].
        is_candidate: whether a held out cluster may follow, [R, H].
        is_target: whether it did, [R, H].
        others: log of the sum of exp(score) over all other candidates, [R].
        chosen: score of the target where it is one of the others, else 0, [R].
    """

    features: NDArray[np.float64]
    is_candidate: NDArray[np.bool_]
    is_target: NDArray[np.bool_]
    others: NDArray[np.float64]
    chosen: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        held: NDArray[np.int64],
        features: NDArray[np.float64],
        targets: NDArray[np.int64],
        scores: NDArray[np.float64],
        is_candidate: NDArray[np.bool_],
    ) -> _Episode:
        is_target = targets[:, None] == held  # [R, H]
        others = is_candidate.copy()
        others[:, held] = False
        own = scores[np.arange(len(targets)), targets]  # [R]
        return cls(
            features,
            is_candidate[:, held],
            is_target,
            logsumexp(scores, axis=1, b=others),
            np.where(is_target.any(axis=1), 0.0, own),
        )

    def loss_of(
        self, weights: NDArray[np.float64], level: float
    ) -> tuple[float, NDArray[np.float64]]:
        """Return the mean negative log-likelihood and its slopes, the level's last."""
        tried = np.einsum("g,rgh->rh", weights, self.features) + level  # [R, H]
        total = np.logaddexp(self.others, logsumexp(tried, axis=1, b=self.is_candidate))  # [R]
        losses = total - self.chosen - (tried * self.is_target).sum(axis=1)
        shares = np.exp(tried - total[:, None]) * self.is_candidate  # [R, H]
        gaps = (shares - self.is_target) / len(losses)
        return losses.mean(), np.append(np.einsum("rh,rgh->g", gaps, self.features), gaps.sum())


def _backoff_after(
    evidence: Evidence, transitions: Transitions, held: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the back-off's evidence for held out clusters after each history, [R, G, H]."""
    donors = evidence.has_log.copy()
    donors[held] = False
    found = impute_by_words(evidence, donors)[:, :, held]  # [G, N, H]
    histories = [history[history != NO_CLUSTER] for history in transitions.histories]
    return np.stack([found[:, history].mean(axis=1) for history in histories])
