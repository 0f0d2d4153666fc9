"""The last step of the served plan: its first clusters in the order that suits the user's past.

The ONE implementation, as :mod:`inference.plans.combine` is of the step before: a request and
an evaluation of many users go through the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from inference.plans.combine import PlanBatch, ServedPlan
from training.alignment.alignment import Alignment, Proposals
from training.baselines.clusters.stack import find_offered
from training.evaluation.clusters.cases import PlannerCases, Scores


def align_plan(
    plan: ServedPlan,
    history_clusters: Sequence[int],
    consumed_clusters: Sequence[int],
    alignment: Alignment,
    best_of: int,
) -> ServedPlan:
    """Return one user's plan with its first ``best_of`` clusters in the aligned order.

    Scores stay at their ranks: they say how a plan falls off, whichever cluster has that rank.
    """
    first = plan.clusters[:best_of]
    if len(first) < 2:
        return plan
    proposals = Proposals(
        [history_clusters],
        [consumed_clusters],
        np.array([[planned.cluster_id for planned in first]]),
        np.array([[planned.score for planned in first]]),
    )
    order = alignment.order(proposals)[0].tolist()
    aligned = (
        replace(first[index], score=ranked.score)
        for index, ranked in zip(order, first, strict=True)
    )
    return replace(plan, clusters=(*aligned, *plan.clusters[best_of:]))


def align_batch(
    batch: PlanBatch,
    histories: Sequence[Sequence[int]],
    consumed: Sequence[Sequence[int]],
    alignment: Alignment,
    best_of: int,
) -> PlanBatch:
    """Return many users' plans aligned; see :func:`align_plan`."""
    if best_of == 1:
        return batch
    first = Proposals(histories, consumed, batch.clusters[:, :best_of], batch.scores[:, :best_of])
    aligned = np.take_along_axis(first.clusters, alignment.order(first), axis=1)
    rest = batch.clusters[:, best_of:]
    return replace(batch, clusters=np.concatenate([aligned, rest], axis=1))


def propose_scored(scores: Scores, cases: PlannerCases, best_of: int) -> Proposals:
    """Return the ``best_of`` best clusters of every case by these scores, [B, N]."""
    offered = find_offered(scores, cases) & np.isfinite(scores)
    known = np.where(offered, scores, -np.inf)
    order = np.argsort(-known, axis=1, kind="stable")[:, :best_of]
    best = np.take_along_axis(known, order, axis=1)
    return Proposals(cases.histories, cases.consumed, order, best)


def align_scores(scores: Scores, cases: PlannerCases, alignment: Alignment, best_of: int) -> Scores:
    """Return the scores of every case's plan, [B, N], with its first clusters aligned."""
    first = propose_scored(scores, cases, best_of)
    moved = np.take_along_axis(first.clusters, alignment.order(first), axis=1)
    aligned = scores.copy()
    np.put_along_axis(aligned, moved, first.scores, axis=1)
    return aligned
