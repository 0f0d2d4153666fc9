"""The last step of the served plan: its first clusters in the order that suits the user's past.

The ONE implementation, as :mod:`inference.plans.combine` is of the step before: a request and
an evaluation of many users go through the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from expectations.contracts.values import NO_CLUSTER
from inference.plans.combine import PlanBatch, PlannedCluster, ServedPlan
from inference.plans.config import PlanConfig
from inference.plans.deal import place_clusters
from training.alignment.alignment import Alignment, Proposals
from training.evaluation.clusters.cases import PlannerCases, Scores


def align_plan(
    plan: ServedPlan,
    history_clusters: Sequence[int],
    consumed_clusters: Sequence[int],
    distances: NDArray[np.int8],
    alignment: Alignment,
    config: PlanConfig,
) -> ServedPlan:
    """Return one user's plan with its first ``config.best_of`` clusters in the aligned order.

    Where a mix gave out the places, those of a distance stay its own. Scores stay at their
    ranks: they say how a plan falls off, whichever cluster has that rank.
    """
    first = plan.clusters[: config.best_of]
    if len(first) < 2:
        return plan
    clusters = np.array([[planned.cluster_id for planned in first]])
    proposals = Proposals(
        [history_clusters],
        [consumed_clusters],
        clusters,
        np.array([[planned.score for planned in first]]),
        _groups(distances[clusters], config),
    )
    order = alignment.order(proposals)[0].tolist()
    aligned = (
        PlannedCluster(first[index].cluster_id, ranked.score, first[index].led_by)
        for index, ranked in zip(order, first, strict=True)
    )
    return replace(plan, clusters=(*aligned, *plan.clusters[config.best_of :]))


def align_batch(
    batch: PlanBatch,
    histories: Sequence[Sequence[int]],
    consumed: Sequence[Sequence[int]],
    alignment: Alignment,
    config: PlanConfig,
) -> PlanBatch:
    """Return many users' plans aligned; see :func:`align_plan`."""
    n = config.best_of
    if n == 1:
        return batch
    codes = batch.distances[:, :n]
    first = Proposals(
        histories, consumed, batch.clusters[:, :n], batch.scores[:, :n], _groups(codes, config)
    )
    order = alignment.order(first)
    clusters, distances = batch.clusters.copy(), batch.distances.copy()
    clusters[:, :n] = np.take_along_axis(first.clusters, order, axis=1)
    distances[:, :n] = np.take_along_axis(codes, order, axis=1)
    return replace(batch, clusters=clusters, distances=distances)


def propose_scored(
    scores: Scores,
    cases: PlannerCases,
    distances: NDArray[np.int8],
    config: PlanConfig,
    mixes: NDArray[np.float64] | None,
) -> Proposals:
    """Return the first ``config.best_of`` clusters of every case's plan by these scores, [B, N].

    Args:
        scores: minus infinity where a cluster cannot be proposed.
        cases: whose plans they are.
        distances: codes of every cluster's distance, [B, N].
        config: how places are given out.
        mixes: of each case; ``None`` where all have the same.
    """
    places = place_clusters(scores, distances, config, config.best_of, mixes)
    at = np.maximum(places, 0)
    best = np.where(places == NO_CLUSTER, -np.inf, np.take_along_axis(scores, at, axis=1))
    codes = np.take_along_axis(distances, at, axis=1)
    return Proposals(cases.histories, cases.consumed, at, best, _groups(codes, config))


def align_scores(
    scores: Scores,
    cases: PlannerCases,
    distances: NDArray[np.int8],
    alignment: Alignment,
    config: PlanConfig,
    mixes: NDArray[np.float64] | None,
) -> Scores:
    """Return the scores of every case's plan, [B, N], with its first clusters aligned."""
    first = propose_scored(scores, cases, distances, config, mixes)
    order = alignment.order(first)
    aligned = scores.copy()
    rows, places = np.nonzero(first.listed)  # what lies after a plan's end stays as it is
    aligned[rows, first.clusters[rows, order[rows, places]]] = first.scores[rows, places]
    return aligned


def _groups(codes: NDArray[np.int8], config: PlanConfig) -> NDArray[np.int8]:
    """Return what may change places: all by score, those of a distance where a mix deals."""
    return codes if config.mix is not None else np.zeros_like(codes)
