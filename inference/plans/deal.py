"""What stands at each place of a plan, by score or by a mix of distances: the ONE way.

A mix says what part of the places goes to each distance. Within a distance the best score comes
first; a place whose distance has nothing left goes to the next one: farther out where anything is
left there, else nearer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from expectations.contracts.values import NO_CLUSTER
from inference.plans.config import Mix, PlanConfig
from inference.plans.dealing import deal_rows
from training.clusters.distance import DISTANCES

# Shapes: B users, N clusters, D places.


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
        mixes: of each person, see :mod:`inference.plans.personal_mix`; ``None`` gives everybody
            ``config.mix``.
    """
    offered = np.where(distances >= DISTANCES.index(config.novelty), scores, -np.inf)
    if config.mix is not None:
        return deal(offered, distances, config.mix if mixes is None else mixes, depth)
    order = np.argsort(-offered, axis=1, kind="stable")[:, :depth]
    return np.where(np.isfinite(np.take_along_axis(offered, order, axis=1)), order, NO_CLUSTER)


def deal(
    scores: NDArray[np.float64],
    distances: NDArray[np.int8],
    mix: Mix | NDArray[np.float64],
    depth: int,
) -> NDArray[np.int64]:
    """Return each user's clusters by place as a mix deals them out, int64 ``[B, D]``.

    However many places are looked at, each distance has its share of them to within one place:
    the next place goes to the distance that lacks most of its share, the nearer one of equals.

    Args:
        scores: of every cluster, ``[B, N]``; minus infinity where it is not offered.
        distances: codes of :data:`DISTANCES`, ``[B, N]``; read where a cluster is offered.
        mix: weight of each distance, or those of each user, ``[B, distances]``.
        depth: places of a plan, D; there are no more of them than clusters.

    >>> mix = Mix(adjacent=1, new_family=2, new_field=2)
    >>> deal(np.arange(6.0)[None, ::-1], np.array([[0, 0, 1, 1, 2, 2]], dtype=np.int8), mix, 5)
    array([[2, 4, 0, 3, 5]])
    """
    weights = np.array(mix.weights)[None] if isinstance(mix, Mix) else mix
    shares = weights / weights.sum(axis=1, keepdims=True)
    by_score = np.argsort(-scores, axis=1, kind="stable")
    dealt = np.full((len(scores), min(depth, scores.shape[1])), NO_CLUSTER, dtype=np.int64)
    of_each = np.repeat(shares, len(scores), axis=0) if len(shares) == 1 else shares
    deal_rows(by_score, scores, distances, of_each, dealt)
    return dealt
