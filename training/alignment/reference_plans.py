"""How probable the best clusters of people's plans are at each distance.

By them it is known how many places a distance gets from all people together, whatever a plan is
made to prefer (``inference/plans/personal_mix.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.clusters.distance import DISTANCES
from training.item_scoring.compiled import compiled

# Shapes: B users, P people of the reference, N clusters, K distances, T places.

PLACES = 10
"""Of a plan that a mix deals out, T: more are seldom looked at."""
MAX_PEOPLE = 500
"""Of a reference: the share of a distance is then known to some .01."""
DECIMALS = 6
"""Of a probability: sums of other order differ beyond them, and a person has the same best
clusters alone and among others."""
ABSENT = -np.inf
SMALLEST = 1e-9  # sum of a plan of nothing


@dataclass(frozen=True, eq=False)
class ReferencePlans:
    """The plans of some people, without a word of who they are or of which clusters.

    Attributes:
        probabilities: of each person's best clusters at each distance, best first, float32
            ``[P, K, T]``; :data:`ABSENT` where there are no more.
        rest: of all others at each distance together, float32 ``[P, K]``.
    """

    probabilities: NDArray[np.float32]
    rest: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.probabilities)

    def from_distance(self, least: int) -> NDArray[np.float64]:
        """Return the probabilities where only clusters of this code and beyond are planned."""
        best = self.probabilities.astype(np.float64)
        best[:, :least] = ABSENT
        sums = np.maximum(best, 0.0).sum(axis=(1, 2)) + self.rest[:, least:].sum(axis=1)
        return np.asarray(np.round(best / np.maximum(sums, SMALLEST)[:, None, None], DECIMALS))


NOBODY = ReferencePlans(
    np.empty((0, len(DISTANCES), PLACES), np.float32), np.empty((0, len(DISTANCES)), np.float32)
)


def sample_plans(scores: NDArray[np.float64], distances: NDArray[np.int8]) -> ReferencePlans:
    """Return the plans of up to :data:`MAX_PEOPLE` of these people, evenly chosen, in no order.

    Args:
        scores: log-probabilities of a plan up to a constant, ``[B, N]``; minus infinity where a
            cluster is not offered.
        distances: codes of :data:`DISTANCES`, ``[B, N]``.
    """
    some = np.unique(np.linspace(0, len(scores) - 1, min(len(scores), MAX_PEOPLE)).astype(int))
    best, rest = find_best(scores[some], distances[some])
    order = sorted(range(len(some)), key=lambda row: best[row].tolist())
    return ReferencePlans(best[order].astype(np.float32), rest[order].astype(np.float32))


def find_best(
    scores: NDArray[np.float64], distances: NDArray[np.int8]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return probabilities of each plan's best clusters, ``[B, K, T]``, and of the rest, [B, K].

    Args:
        scores: as in :func:`sample_plans`.
        distances: likewise.
    """
    best = np.full((len(scores), len(DISTANCES), PLACES), ABSENT)
    rest = np.zeros((len(scores), len(DISTANCES)))
    if scores.size:
        falling = np.argsort(-scores, axis=1, kind="stable")
        _fill_best(falling, scores, distances, best, rest, 10.0**DECIMALS)
    return best, rest


@compiled
def _fill_best(
    falling: NDArray[np.int64],
    scores: NDArray[np.float64],
    distances: NDArray[np.int8],
    best: NDArray[np.float64],
    rest: NDArray[np.float64],
    unit: float,
) -> None:
    """Fill in what :func:`find_best` returns; ``falling`` are each plan's clusters, best first."""
    n_users, n_distances, places = best.shape
    for user in range(n_users):
        highest = scores[user, falling[user, 0]]
        if not np.isfinite(highest):
            continue
        taken, total = np.zeros(n_distances, np.int64), 0.0
        for cluster in falling[user]:
            if not np.isfinite(scores[user, cluster]):
                break
            code = distances[user, cluster]
            if code < 0:  # known
                continue
            size = np.exp(scores[user, cluster] - highest)
            total += size
            if taken[code] < places:
                best[user, code, taken[code]] = size
                taken[code] += 1
            else:
                rest[user, code] += size
        for code in range(n_distances):
            rest[user, code] /= max(total, SMALLEST)
            for place in range(taken[code]):
                best[user, code, place] = np.rint(unit * best[user, code, place] / total) / unit
