"""A stack: the weighted sum of what several contenders score, weights fitted on cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluation.clusters.cases import PlannerCases, Scores

N_FOLDS = 5
"""The usual number: four fifths of the cases fit each stack."""
MIN_DEVIATION = 1e-9
"""Deviations below are of rounding."""

# Shapes: M members, B cases, N clusters.


@dataclass(frozen=True)
class Stack:
    """A conditional logit over the clusters that a case's user may still be offered.

    McFadden, "Conditional logit analysis of qualitative choice behavior" (1974).

    Attributes:
        members: whose scores go in.
        weights: of the members' standardised scores, none negative, [M].
    """

    members: tuple[str, ...]
    weights: NDArray[np.float64]

    def score(self, scores: Mapping[str, Scores], cases: PlannerCases) -> Scores:
        """Return the weighted sum of the members' scores, [B, N]."""
        offered = find_offered(scores[self.members[0]], cases)
        total = np.zeros(offered.shape)
        for name, weight in zip(self.members, self.weights, strict=True):
            total += weight * standardise_scores(scores[name], offered)
        return np.where(offered, total, -np.inf)


def fit_stack(scores: Mapping[str, Scores], cases: PlannerCases, penalty: float) -> Stack:
    """Return the stack of all these contenders that explains best what the cases came to like.

    The positives of a case share its weight. Few cases leave the weights near those of a plain
    mean, equal and one in sum, to which the penalty draws them.

    Args:
        scores: by member, as each scored these cases.
        cases: what came of them is what the weights are fitted to.
        penalty: L2 weight of the distance from a plain mean, in cases.
    """
    from scipy.optimize import minimize  # a service, which fits nothing, starts without it

    members = tuple(scores)
    mean = np.full(len(members), 1 / len(members))
    if len(cases) == 0:
        return Stack(members, mean)
    offered = find_offered(scores[members[0]], cases)  # [B, N]
    features = np.stack(
        [standardise_scores(scores[name], offered) for name in members]
    )  # [M, B, N]
    wanted = np.zeros(offered.shape)  # [B, N], rows sum to 1
    for row, positives in enumerate(cases.positives):
        wanted[row, sorted(positives)] = 1 / len(positives)

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = np.where(offered, np.tensordot(weights, features, axes=1), -np.inf)
        logits -= logits.max(axis=1, keepdims=True)
        probabilities = np.exp(logits)
        totals = probabilities.sum(axis=1, keepdims=True)
        probabilities /= totals
        log_probabilities = np.where(wanted > 0, logits - np.log(totals), 0.0)
        value = -(wanted * log_probabilities).sum() + penalty / 2 * ((weights - mean) ** 2).sum()
        gradient = np.tensordot(features, probabilities - wanted, axes=2) + penalty * (
            weights - mean
        )
        return float(value), gradient

    found = minimize(loss, mean, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(members))
    return Stack(members, np.asarray(found.x))


def score_out_of_fold(scores: Mapping[str, Scores], cases: PlannerCases, penalty: float) -> Scores:
    """Return out-of-fold scores: each case's by a stack fitted on the cases of other users, [B, N].

    So that a stack can be judged on the cases its weights come from. Users fall into
    :data:`N_FOLDS` folds by the order of their ids.
    """
    _, order = np.unique(cases.users, return_inverse=True)
    fold_of_case = order % N_FOLDS
    total = np.zeros(next(iter(scores.values())).shape)
    for fold in range(N_FOLDS):
        held_out, others = (
            np.flatnonzero(fold_of_case == fold),
            np.flatnonzero(fold_of_case != fold),
        )
        fitted_on = {name: each[others] for name, each in scores.items()}
        held_out_scores = {name: each[held_out] for name, each in scores.items()}
        stack = fit_stack(fitted_on, cases.take(others), penalty)
        total[held_out] = stack.score(held_out_scores, cases.take(held_out))
    return total


def find_offered(scores: Scores, cases: PlannerCases) -> NDArray[np.bool_]:
    """Return which clusters the user of each case has not touched, [B, N]."""
    offered = np.ones(scores.shape, dtype=bool)
    for row, (history, consumed) in enumerate(zip(cases.histories, cases.consumed, strict=True)):
        offered[row, [*history, *consumed]] = False
    return offered


def standardise_scores(scores: Scores, offered: NDArray[np.bool_]) -> Scores:
    """Return scores with mean 0 and deviation 1 over the offered clusters of each case, [B, N].

    So that contenders compare, whatever the unit of their scores. An offered cluster without a
    score gets the lowest score of its case; clusters that are not offered, and cases in which all
    scores are equal, get 0.
    """
    known = offered & np.isfinite(scores)
    lowest = np.where(known, scores, np.inf).min(axis=1, keepdims=True)  # [B, 1]
    filled = np.where(known, scores, np.where(np.isfinite(lowest), lowest, 0.0))
    filled = np.where(offered, filled, 0.0)
    counts = np.maximum(offered.sum(axis=1, keepdims=True), 1)  # [B, 1]
    centered = np.where(offered, filled - filled.sum(axis=1, keepdims=True) / counts, 0.0)
    deviations = np.sqrt((centered**2).sum(axis=1, keepdims=True) / counts)
    differs = deviations > MIN_DEVIATION
    return np.asarray(np.where(differs, centered / np.where(differs, deviations, 1.0), 0.0))
