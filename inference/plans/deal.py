"""What stands at each place of a plan, by score or by a mix of distances: the ONE way.

A mix says what part of the places goes to each distance. Within a distance the best score comes
first; a place whose distance has nothing left goes to the next one: farther out where anything is
left there, else nearer.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from expectations.contracts.values import NO_CLUSTER
from inference.plans.config import Mix, PlanConfig
from training.clusters.distance import DISTANCES

# Shapes: B users, N clusters, D places.

NOWHERE = len(DISTANCES)  # stands for clusters that are not offered, behind all others
PLANS_KEPT = 4096  # of the orders in which distances fill places; people share few


def place_clusters(
    scores: NDArray[np.float64], distances: NDArray[np.int8], config: PlanConfig, depth: int
) -> NDArray[np.int64]:
    """Return what stands at each place as the plan's settings say, int64 ``[B, D]``.

    Only clusters that are new at the level of ``config.novelty`` are planned: best score first,
    or dealt out by ``config.mix``. ``NO_CLUSTER`` follows after a plan's end; equal scores stand
    in ascending cluster id.

    Args:
        scores: of every cluster, ``[B, N]``; minus infinity where it is not offered.
        distances: codes of :data:`DISTANCES`, ``[B, N]``; what is known is not planned.
        config: novelty and mix.
        depth: places of a plan, D; there are no more of them than clusters.
    """
    offered = np.where(distances >= DISTANCES.index(config.novelty), scores, -np.inf)
    if config.mix is not None:
        return deal(offered, distances, config.mix, depth)
    order = np.argsort(-offered, axis=1, kind="stable")[:, :depth]
    return np.where(np.isfinite(np.take_along_axis(offered, order, axis=1)), order, NO_CLUSTER)


def deal(
    scores: NDArray[np.float64], distances: NDArray[np.int8], mix: Mix, depth: int
) -> NDArray[np.int64]:
    """Return each user's clusters by place as a mix deals them out, int64 ``[B, D]``.

    Args:
        scores: of every cluster, ``[B, N]``; minus infinity where it is not offered.
        distances: codes of :data:`DISTANCES`, ``[B, N]``; read where a cluster is offered.
        mix: weight of each distance.
        depth: places of a plan, D; there are no more of them than clusters.
    """
    queue, counts = _queue_by_distance(scores, distances)
    weights = (mix.adjacent, mix.new_family, mix.new_field)
    dealt = np.full((len(scores), min(depth, scores.shape[1])), NO_CLUSTER, dtype=np.int64)
    kinds, users = np.unique(counts, axis=0, return_inverse=True)
    for kind, sizes in enumerate(kinds.tolist()):
        found = np.array(_queue_places(weights, tuple(sizes), dealt.shape[1]), dtype=np.int64)
        of_kind = np.flatnonzero(users.ravel() == kind)
        dealt[of_kind, : len(found)] = queue[of_kind[:, None], found]
    return dealt


def order_places(mix: Mix, n_places: int) -> list[int]:
    """Return the code of the distance that each place is meant for.

    However many places are looked at, each distance has its share of them to within one place:
    the next place goes to the distance that lacks most of its share, the nearer one of equals.

    >>> order_places(Mix(adjacent=1, new_family=2, new_field=2), 5)
    [1, 2, 0, 1, 2]
    """
    return list(_order_places((mix.adjacent, mix.new_family, mix.new_field), n_places))


@lru_cache
def _order_places(weights: tuple[float, ...], n_places: int) -> tuple[int, ...]:
    total = sum(weights)
    given = [0] * len(weights)
    order = []
    for place in range(1, n_places + 1):
        lacks = {
            code: round(place * weight / total - given[code], 9)
            for code, weight in enumerate(weights)
            if weight > 0
        }
        order.append(max(lacks, key=lambda code: lacks[code]))
        given[order[-1]] += 1
    return tuple(order)


@lru_cache(maxsize=PLANS_KEPT)
def _queue_places(
    weights: tuple[float, ...], sizes: tuple[int, ...], n_places: int
) -> tuple[int, ...]:
    """Return which entry of a queue by distance stands at each place, until all are dealt.

    Args:
        weights: of the mix.
        sizes: how many clusters each distance has in the queue.
        n_places: places at most.
    """
    taken = [0] * len(sizes)
    starts = [sum(sizes[:code]) for code in range(len(sizes))]
    found = []
    for wanted in _order_places(weights, min(n_places, sum(sizes))):
        turns = (*range(wanted, len(sizes)), *reversed(range(wanted)))
        code = next(turn for turn in turns if taken[turn] < sizes[turn])
        found.append(starts[code] + taken[code])
        taken[code] += 1
    return tuple(found)


def _queue_by_distance(
    scores: NDArray[np.float64], distances: NDArray[np.int8]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return clusters by distance and score ``[B, N]``, and how many each distance has."""
    group = np.where(np.isfinite(scores), distances, NOWHERE)
    by_score = np.argsort(-scores, axis=1, kind="stable")
    by_group = np.argsort(np.take_along_axis(group, by_score, axis=1), axis=1, kind="stable")
    counts = np.stack([(group == code).sum(axis=1) for code in range(len(DISTANCES))], axis=1)
    return np.take_along_axis(by_score, by_group, axis=1), counts
