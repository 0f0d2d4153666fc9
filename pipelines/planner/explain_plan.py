"""Explains one user's plan: the rows behind it, the log's evidence, what the planner adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from expectations.contracts.errors import UserError
from expectations.contracts.tables import NOVEL_CLUSTER_TABLE, USER_CLUSTER_HISTORY
from expectations.contracts.values import ClusterContext
from inference.plans.align import align_plan
from inference.plans.combine import ServedPlan, contexts_to_look_up, plan_for
from inference.table.plan_table import PlanTable, TableRow
from pipelines.io import paths
from pipelines.io.artefact_io import read_figures, read_json, read_table
from pipelines.io.evidence_reader import read_evidence
from pipelines.io.plan_reader import read_plan
from pipelines.params.params import Params
from training.alignment.alignment_io import load_alignment
from training.clusters.distance import DISTANCES, Distance
from training.clusters.tree_view import ServingClusters
from training.collective.evidence import Evidence
from training.collective.fit import EVIDENCE, CollectiveWeights, weights_from_metrics
from training.curation.timeline import Timeline

# Shapes: N clusters, F kinds of evidence.


@dataclass(frozen=True)
class ExplainedCluster:
    """Why a novel cluster stands in a plan, by the row that speaks most for it.

    Attributes:
        cluster_id: the novel cluster.
        distance: how far it is from all that the user knows.
        led_by: context of that row.
        planner_share: what it has of the row, among the clusters listed there.
        signal_share: what it would have there by the collective signal.
        factors: by kind of evidence, how many times a listed cluster of the middle it is given.
        after_all: people who came to it next after all clusters of the context.
        after_each: the same after each of them, whatever else they knew.
    """

    cluster_id: int
    distance: Distance
    led_by: ClusterContext
    planner_share: float
    signal_share: float
    factors: Mapping[str, float]
    after_all: float
    after_each: tuple[float, ...]

    @property
    def added(self) -> float:
        """How many times the signal's share the planner gives it."""
        return self.planner_share / self.signal_share


@dataclass(frozen=True)
class ExplainedPlan:
    """A user's plan as it would be served from the batch's histories.

    Attributes:
        user_id: whose it is.
        history: history clusters that plans are made from, newest first.
        n_rows: rows of the table that were looked up and found.
        n_missing: rows that were not there.
        clusters: first novel clusters of the plan, best first.
    """

    user_id: str
    history: tuple[int, ...]
    n_rows: int
    n_missing: int
    clusters: tuple[ExplainedCluster, ...]


def explain_plan(
    params: Params, clusters: ServingClusters, user_id: str, count: int
) -> ExplainedPlan:
    """Return the first clusters of a user's plan with what speaks for each.

    Raises:
        UserError: nothing is known of the user, or an artefact is not built.
    """
    history, consumed = _read_state(user_id)
    config = read_plan()
    frame = read_table(paths.NOVEL_CLUSTER_TABLE, NOVEL_CLUSTER_TABLE)
    table = PlanTable.from_frame(frame, clusters.n_clusters)
    contexts = contexts_to_look_up(history, config)
    found = {context: row for context in contexts if (row := table.row(context))}
    alignment = load_alignment(paths.ALIGNMENT, clusters.n_clusters)
    distances = clusters.ancestors.distances_from([*history, *consumed])
    families, reference = clusters.ancestors.families, alignment.reference
    whole = plan_for(contexts, history, distances, families, found, config, reference)
    plan = align_plan(whole, history, consumed, distances, alignment, config)
    timeline = Timeline.from_json(read_json(paths.TIMELINE))
    weights = weights_from_metrics(read_figures(paths.metrics_of("collective")))
    with threadpool_limits(params.runtime.threads):
        evidence = read_evidence(
            clusters,
            timeline.fit_until,
            params.collective,
            params.clusters.representation,
            params.runtime.seed,
        )
    return ExplainedPlan(
        user_id,
        tuple(history[: config.max_history]),
        len(found),
        len(plan.missing),
        _explain_clusters(plan, count, found, distances, evidence, weights),
    )


def _explain_clusters(
    plan: ServedPlan,
    count: int,
    rows: Mapping[ClusterContext, TableRow],
    distances: NDArray[np.int8],
    evidence: Evidence,
    weights: CollectiveWeights,
) -> tuple[ExplainedCluster, ...]:
    return tuple(
        explain_cluster(
            planned.cluster_id,
            planned.led_by,
            rows[planned.led_by],
            DISTANCES[distances[planned.cluster_id]],
            evidence,
            weights,
        )
        for planned in plan.clusters[:count]
    )


def explain_cluster(
    cluster_id: int,
    led_by: ClusterContext,
    row: TableRow,
    distance: Distance,
    evidence: Evidence,
    weights: CollectiveWeights,
) -> ExplainedCluster:
    """Return what speaks for a cluster in one row, against the clusters that are listed there.

    Args:
        cluster_id: listed in the row.
        led_by: the row's context.
        row: of the table.
        distance: from all that the user knows.
        evidence: what the log and the words say.
        weights: what each kind counts in the collective signal.
    """
    listed = row.novel_clusters
    place = int(np.flatnonzero(listed == cluster_id)[0])
    parts = weights.split(evidence, led_by)[:, listed]  # [F, D]
    above = parts[:, place] - np.median(parts, axis=1)  # [F]
    ends = [led_by.members[0], led_by.members[-1]]
    pair = evidence.counts.pairs[ends[0] * evidence.n_clusters + ends[1], cluster_id]
    singles = [float(evidence.counts.singles[member, cluster_id]) for member in led_by.members]
    return ExplainedCluster(
        cluster_id,
        distance,
        led_by,
        float(_shares(row.scores)[place]),
        float(_shares(parts.sum(axis=0))[place]),
        dict(zip(EVIDENCE, np.exp(above).tolist(), strict=True)),
        float(pair) if len(led_by.members) > 1 else singles[0],
        tuple(singles),
    )


def _shares(logs: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the softmax of some log-shares, [D]."""
    shares = np.exp(logs.astype(np.float64) - logs.max())
    return np.asarray(shares / shares.sum())


def _read_state(user_id: str) -> tuple[Sequence[int], Sequence[int]]:
    """Return (history clusters, newest first; consumed clusters) of a user's last state."""
    states = read_table(paths.USER_CLUSTER_HISTORY, USER_CLUSTER_HISTORY)
    own = states.filter(pl.col("user_id") == user_id).sort("event_timestamp")
    if own.is_empty():
        rule = "the user is one of the built histories"
        raise UserError("explain-plan", rule, "name a user_id of the log", user_id)
    last = own.row(-1, named=True)
    if not last["history_clusters"]:
        rule = "the user has liked something, from which a plan can be made"
        raise UserError("explain-plan", rule, "name another user", user_id)
    return last["history_clusters"], last["consumed_clusters"]
