"""Orders proposals by plan and user model together, compiled: of one plan numpy's calls are most.

The arithmetic is that of :func:`training.baselines.clusters.stack.standardise_scores`, by which
the weights are fitted; a test holds one against the other.

Shapes: B users, n proposals of each, N clusters.
"""

from __future__ import annotations

import numpy as np

from training.item_scoring.compiled import compiled


@compiled
def order_proposals(
    plan: np.ndarray,
    user: np.ndarray,
    clusters: np.ndarray,
    groups: np.ndarray,
    weights: tuple[float, float],
    least_deviation: float,
    steps: float,
) -> np.ndarray:
    """Return the indices of each plan's proposals, best first, int64 ``[B, n]``.

    Proposals change places only within their group; equal ones keep the plan's order, and what
    lies after a plan's end stays there.

    Args:
        plan: scores, best first, minus infinity after a plan's end, float64 ``[B, n]``.
        user: scores of every cluster by the user model, float64 ``[B, N]``.
        clusters: that are proposed, anything after a plan's end, int64 ``[B, n]``.
        groups: of the proposals, int8 ``[B, n]``.
        weights: of the plan's scores and of the user model's, both standardised.
        least_deviation: scores that deviate less say nothing.
        steps: sums are rounded to one part of so many, beyond which their order shows.
    """
    n_users, n = plan.shape
    order = np.empty((n_users, n), np.int64)
    best = np.empty(n, np.int64)
    by_plan, by_user, both = np.empty(n), np.empty(n), np.empty(n)
    for row in range(n_users):
        n_listed = 0
        while n_listed < n and np.isfinite(plan[row, n_listed]):
            by_plan[n_listed] = plan[row, n_listed]
            by_user[n_listed] = user[row, clusters[row, n_listed]]
            n_listed += 1
        _standardise(by_plan[:n_listed], least_deviation)
        _standardise(by_user[:n_listed], least_deviation)
        for at in range(n_listed):
            sum_of_both = weights[0] * by_plan[at] + weights[1] * by_user[at]
            both[at] = np.rint(sum_of_both * steps) / steps
            place = at
            while place > 0 and both[best[place - 1]] < both[at]:
                best[place] = best[place - 1]
                place -= 1
            best[place] = at
        is_taken = np.zeros(n, np.bool_)
        for place in range(n_listed):
            for candidate in best[:n_listed]:
                if not is_taken[candidate] and groups[row, candidate] == groups[row, place]:
                    order[row, place] = candidate
                    is_taken[candidate] = True
                    break
        for place in range(n_listed, n):
            order[row, place] = place
    return order


@compiled
def _standardise(scores: np.ndarray, least_deviation: float) -> None:
    """Give scores mean 0 and deviation 1; what is not finite counts as the lowest that is."""
    n = max(len(scores), 1)
    lowest = np.inf
    for score in scores:
        if np.isfinite(score):
            lowest = min(lowest, score)
    total = 0.0
    for at in range(len(scores)):
        if not np.isfinite(scores[at]):
            scores[at] = lowest if np.isfinite(lowest) else 0.0
        total += scores[at]
    squares = 0.0
    for at in range(len(scores)):
        scores[at] -= total / n
        squares += scores[at] ** 2
    deviation = np.sqrt(squares / n)
    for at in range(len(scores)):
        scores[at] = scores[at] / deviation if deviation > least_deviation else 0.0
