"""A plan's explanation in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from expectations.contracts.values import ClusterContext
from pipelines.planner.explain_plan import ExplainedCluster, ExplainedPlan
from pipelines.report.report_text import DISTANCE_WORDS

KINDS: Mapping[str, str] = {
    "pair_counts": "what came next in other histories",
    "co_consumption": "who touched both",
    "collaborative": "the same people's items",
    "text": "nearness of words",
    "popularity": "popularity",
}
MORE, LESS = 1.25, 0.8
"""Factors between them are told as alike: by a quarter more or less nobody chooses otherwise."""


def describe_plan(plan: ExplainedPlan, names: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a plan's explanation; ``names`` are those of all clusters."""
    yield f"user {plan.user_id}"
    yield f"  interests, newest first: {'; '.join(names[c] for c in plan.history)}"
    missing = f", {plan.n_missing} more not there" if plan.n_missing else ""
    yield f"  rows of the table that were combined: {plan.n_rows}{missing}"
    if not plan.clusters:
        yield "  no novel interest is left to plan"
        return
    yield "  by kind: times as much as for a cluster in the middle of the row"
    for rank, cluster in enumerate(plan.clusters, start=1):
        yield ""
        yield from _describe_cluster(rank, cluster, names)


def _describe_cluster(rank: int, cluster: ExplainedCluster, names: Sequence[str]) -> Iterator[str]:
    yield f"{rank}. {names[cluster.cluster_id]} ({DISTANCE_WORDS[cluster.distance]})"
    yield f"   most by the row of: {_join(cluster.led_by, names)}"
    yield f"   people who came to it next: {_describe_counts(cluster, names)}"
    kinds = (f"{KINDS[kind]} {_times(factor)}" for kind, factor in cluster.factors.items())
    yield f"   evidence by kind: {', '.join(kinds)}"
    yield f"   the log's evidence together gives it {cluster.signal_share:.1%} of the row"
    yield f"   the language model gives it {cluster.planner_share:.1%}: {_describe_added(cluster)}"


def _describe_counts(cluster: ExplainedCluster, names: Sequence[str]) -> str:
    if len(cluster.led_by.members) == 1:
        return f"{cluster.after_all:g}"
    each = (
        f"{count:g} after {names[member]}"
        for member, count in zip(cluster.led_by.members, cluster.after_each, strict=True)
    )
    return f"{cluster.after_all:g} after both, {', '.join(each)}"


def _describe_added(cluster: ExplainedCluster) -> str:
    """Say what the language model does to the evidence that it was tuned on."""
    if cluster.added >= MORE:
        return f"it adds to that, {_times(cluster.added)}"
    if cluster.added <= LESS:
        return f"it takes from that, {_times(cluster.added)}"
    return "it follows that and adds nothing of its own"


def _times(factor: float) -> str:
    """Return a factor with two digits, or all before the point.

    >>> _times(0.314), _times(1.0), _times(164.2)
    ('×0.31', '×1', '×164')
    """
    return f"×{factor:.0f}" if factor >= 10 else f"×{factor:.2g}"


def _join(context: ClusterContext, names: Sequence[str]) -> str:
    return " + ".join(names[member] for member in context.members)
