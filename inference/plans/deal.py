"""Places dealt out by distance: ONE way for evaluation, benchmarks and service.

A mix says what part of the places goes to each distance. Within a distance the best score comes
first; a place whose distance has nothing left goes to the next one: farther out where anything is
left there, else nearer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from expectations.contracts.values import NO_CLUSTER
from inference.plans.config import Mix
from training.clusters.distance import DISTANCES

# Shapes: B users, N clusters, D places.

NOWHERE = len(DISTANCES)  # stands for clusters that are not offered, behind all others


def deal(
    scores: NDArray[np.float64], distances: NDArray[np.int8], mix: Mix, depth: int
) -> NDArray[np.int64]:
    """Return each user's clusters by place, best first, int64 ``[B, D]``.

    ``NO_CLUSTER`` follows after a plan's end. Equal scores stand in ascending cluster id.

    Args:
        scores: of every cluster, ``[B, N]``; minus infinity where it is not offered.
        distances: codes of :data:`DISTANCES`, ``[B, N]``; read where a cluster is offered.
        mix: weight of each distance.
        depth: places of a plan, D; there are no more of them than clusters.
    """
    queue, counts = _queue_by_distance(scores, distances)
    starts = np.cumsum(counts, axis=1) - counts  # [B, distances]
    users = np.arange(len(scores))
    taken = np.zeros_like(counts)
    dealt = np.full((len(scores), min(depth, scores.shape[1])), NO_CLUSTER, dtype=np.int64)
    for place, wanted in enumerate(order_places(mix, dealt.shape[1])):
        tried = np.array(_in_turn(wanted))
        is_left = (taken < counts)[:, tried]  # [B, distances]
        chosen = tried[is_left.argmax(axis=1)]
        has_any = is_left.any(axis=1)
        at = np.minimum(starts[users, chosen] + taken[users, chosen], queue.shape[1] - 1)
        dealt[:, place] = np.where(has_any, queue[users, at], NO_CLUSTER)
        taken[users, chosen] += has_any
    return dealt


def order_places(mix: Mix, n_places: int) -> list[int]:
    """Return the code of the distance that each place is meant for.

    However many places are looked at, each distance has its share of them to within one place:
    the next place goes to the distance that lacks most of its share, the nearer one of equals.

    >>> order_places(Mix(adjacent=1, new_family=2, new_field=2), 5)
    [1, 2, 0, 1, 2]
    """
    weights = np.array([getattr(mix, name) for name in DISTANCES], dtype=np.float64)
    shares = weights / weights.sum()
    given = np.zeros(len(DISTANCES))
    order = []
    for place in range(1, n_places + 1):
        lacks = np.where(shares > 0, np.round(place * shares - given, 9), -np.inf)
        order.append(int(lacks.argmax()))
        given[order[-1]] += 1
    return order


def _in_turn(wanted: int) -> list[int]:
    """Return the distances a place may have, in turn: the wanted one, then farther, then nearer."""
    return [*range(wanted, len(DISTANCES)), *reversed(range(wanted))]


def _queue_by_distance(
    scores: NDArray[np.float64], distances: NDArray[np.int8]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return clusters by distance and score ``[B, N]``, and how many each distance has."""
    group = np.where(np.isfinite(scores), distances, NOWHERE)
    by_score = np.argsort(-scores, axis=1, kind="stable")
    by_group = np.argsort(np.take_along_axis(group, by_score, axis=1), axis=1, kind="stable")
    counts = np.stack([(group == code).sum(axis=1) for code in range(len(DISTANCES))], axis=1)
    return np.take_along_axis(by_score, by_group, axis=1), counts
