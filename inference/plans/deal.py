"""What stands at each place of a plan, by score or by a mix of distances: the ONE way.

A mix says what part of the places goes to each distance. Within a distance the best score comes
first; a place whose distance has nothing left goes to the next one: farther out where anything is
left there, else nearer.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from expectations.contracts.values import NO_CLUSTER
from inference.plans.config import Mix, PlanConfig
from inference.plans.personal_mix import personalise_mix, planned_shares
from training.clusters.distance import DISTANCES

# Shapes: B users, N clusters, D places.

NOWHERE = len(DISTANCES)  # stands for clusters that are not offered, behind all others
ROUNDING = 1e-9  # shares that differ by less are equal
PLANS_KEPT = 4096  # of the orders in which distances fill places; people share few


def place_clusters(
    scores: NDArray[np.float64],
    distances: NDArray[np.int8],
    config: PlanConfig,
    depth: int,
    mixes: NDArray[np.float64] | None = None,
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
        mixes: of each person, see :func:`find_mixes`; ``None`` gives everybody ``config.mix``.
    """
    offered = np.where(distances >= DISTANCES.index(config.novelty), scores, -np.inf)
    if config.mix is not None:
        return deal(offered, distances, config.mix if mixes is None else mixes, depth)
    order = np.argsort(-offered, axis=1, kind="stable")[:, :depth]
    return np.where(np.isfinite(np.take_along_axis(offered, order, axis=1)), order, NO_CLUSTER)


def find_mixes(
    scores: NDArray[np.float64],
    distances: NDArray[np.int8],
    config: PlanConfig,
    mean_shares: Sequence[float],
) -> NDArray[np.float64] | None:
    """Return the mix of each person, ``[B, distances]``; ``None`` where all have the same.

    Args:
        scores: of every cluster by the person's plan, log-probabilities, ``[B, N]``.
        distances: codes of :data:`DISTANCES`, ``[B, N]``.
        config: the mix, and whether it is made one person's own.
        mean_shares: what plans give each distance on average over people.
    """
    if config.mix is None or not config.personal_mix:
        return None
    shares = planned_shares(scores, distances)
    return personalise_mix(np.array(config.mix.weights), shares, np.array(mean_shares))


def deal(
    scores: NDArray[np.float64],
    distances: NDArray[np.int8],
    mix: Mix | NDArray[np.float64],
    depth: int,
) -> NDArray[np.int64]:
    """Return each user's clusters by place as a mix deals them out, int64 ``[B, D]``.

    Args:
        scores: of every cluster, ``[B, N]``; minus infinity where it is not offered.
        distances: codes of :data:`DISTANCES`, ``[B, N]``; read where a cluster is offered.
        mix: weight of each distance, or those of each user, ``[B, distances]``.
        depth: places of a plan, D; there are no more of them than clusters.
    """
    queue, counts = _queue_by_distance(scores, distances)
    weights = np.array(mix.weights) if isinstance(mix, Mix) else mix
    wanted = np.column_stack([np.broadcast_to(weights, counts.shape), counts])
    dealt = np.full((len(scores), min(depth, scores.shape[1])), NO_CLUSTER, dtype=np.int64)
    kinds, first, users = np.unique(wanted, axis=0, return_index=True, return_inverse=True)
    members = np.split(
        np.argsort(users.ravel(), kind="stable"), np.cumsum(np.bincount(users.ravel()))[:-1]
    )
    for kind, sizes, of_kind in zip(kinds.tolist(), counts[first].tolist(), members, strict=True):
        of_mix = tuple(kind[: len(DISTANCES)])
        found = np.array(_queue_places(of_mix, tuple(sizes), dealt.shape[1]), dtype=np.int64)
        dealt[of_kind, : len(found)] = queue[of_kind[:, None], found]
    return dealt


def order_places(mix: Mix, n_places: int) -> list[int]:
    """Return the code of the distance that each place is meant for.

    However many places are looked at, each distance has its share of them to within one place:
    the next place goes to the distance that lacks most of its share, the nearer one of equals.

    >>> order_places(Mix(adjacent=1, new_family=2, new_field=2), 5)
    [1, 2, 0, 1, 2]
    """
    return list(_order_places(mix.weights, n_places))


@lru_cache(maxsize=PLANS_KEPT)
def _order_places(weights: tuple[float, ...], n_places: int) -> tuple[int, ...]:
    total = sum(weights)
    lacks = [0.0 if weight > 0 else -np.inf for weight in weights]
    gains = [weight / total for weight in weights]
    order = []
    for _ in range(n_places):
        lacks = [lack + gain for lack, gain in zip(lacks, gains, strict=True)]
        most = max(lacks) - ROUNDING
        code = next(code for code, lack in enumerate(lacks) if lack >= most)
        lacks[code] -= 1
        order.append(code)
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
