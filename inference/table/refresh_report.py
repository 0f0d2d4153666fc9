"""What a refresh changed: how much of each row's first ranks is new, and which clusters moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from expectations.contracts.values import NO_CLUSTER
from inference.table.partial_run import RefreshedRows
from inference.table.plan_table import PlanTable
from inference.table.refresh import ClusterChanges

TOP = 5
"""As deep as the coverage that is gated: what a plan mostly shows."""
MOVERS_SHOWN = 10
"""Clusters of a page that people read; how many changed stands above them."""

# Shapes: R rows whose context is the same in both tables, k first ranks.


@dataclass(frozen=True)
class RefreshFigures:
    """What ``metrics/refresh.json`` holds of a refresh.

    Attributes:
        clusters_kept: clusters whose id and description are what they were.
        clusters_new: the others of the new table.
        clusters_gone: the others of the previous table.
        rows: of the new table.
        rows_same_context: rows whose clusters are all kept; only these can be compared.
        rows_rescored: rows in which new clusters were scored.
        rows_planned_anew: rows planned as in a full run.
        rows_changed_at_5: rows of the same context with other clusters among the first five.
        jaccard_at_5: mean over rows of the same context: clusters among the first five of both
            tables over clusters in those of either (Jaccard 1912); 1 where there are none.
        jaccard_at_5_lowest_tenth: of the tenth of these rows that changed most, the highest.
    """

    clusters_kept: int
    clusters_new: int
    clusters_gone: int
    rows: int
    rows_same_context: int
    rows_rescored: int
    rows_planned_anew: int
    rows_changed_at_5: int
    jaccard_at_5: float
    jaccard_at_5_lowest_tenth: float


@dataclass(frozen=True)
class Mover:
    """A cluster and in how many rows of the same context it stood among the first."""

    cluster: int
    before: int
    after: int


@dataclass(frozen=True)
class RefreshReport:
    """Figures of a refresh, the clusters whose exposure moved most (best risers first), and why.

    ``why_whole`` is as in :class:`RefreshedRows`.
    """

    figures: RefreshFigures
    movers: tuple[Mover, ...]
    why_whole: str


def report_refresh(
    previous: PlanTable, table: PlanTable, refreshed: RefreshedRows
) -> RefreshReport:
    """Return what the refresh changed between two tables; see :class:`RefreshFigures`."""
    changes = refreshed.changes
    kept = np.zeros(max(changes.n_before, changes.n_after) + 1, dtype=bool)
    kept[list(changes.kept)] = True
    first = _top_clusters(previous, kept)  # [R, k], clusters of rows of the same context
    second = _top_clusters(table, kept)  # [R, k]
    overlaps = measure_overlaps(first, second, kept)  # [R]
    figures = RefreshFigures(
        clusters_kept=len(changes.kept),
        clusters_new=len(changes.new),
        clusters_gone=len(changes.gone),
        rows=len(table.clusters),
        rows_same_context=len(first),
        rows_rescored=refreshed.n_rescored,
        rows_planned_anew=refreshed.n_planned_anew,
        rows_changed_at_5=int((overlaps < 1).sum()),
        jaccard_at_5=float(overlaps.mean()) if len(overlaps) else 1.0,
        jaccard_at_5_lowest_tenth=float(np.quantile(overlaps, 0.1)) if len(overlaps) else 1.0,
    )
    return RefreshReport(figures, _find_movers(first, second, changes), refreshed.why_whole)


def measure_overlaps(
    first: NDArray[np.int32], second: NDArray[np.int32], kept: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the Jaccard index of each row's clusters in both tables, [R].

    An id that is not kept means another cluster in each table, so it is never in both.
    """
    listed = [rows != NO_CLUSTER for rows in (first, second)]
    same = (first[:, :, None] == second[:, None, :]) & (listed[0] & kept[first])[:, :, None]
    common = same.any(axis=2).sum(axis=1)  # [R]
    either = listed[0].sum(axis=1) + listed[1].sum(axis=1) - common  # [R]
    return np.asarray(np.where(either > 0, common / np.maximum(either, 1), 1.0))


def write_refresh(
    report: RefreshReport,
    before: Sequence[str],
    after: Sequence[str],
    changes: ClusterChanges,
    minimum: float,
) -> str:
    """Return the report as a page of Markdown; descriptions are by cluster id."""
    figures = report.figures
    verdict = (
        "The planner still fits these clusters."
        if figures.jaccard_at_5 >= minimum
        else "**Fine-tune the planner again: it has not learnt the clusters it now proposes.**"
    )
    lines = [
        "# Refresh of the novel-cluster table",
        "",
        f"- {figures.clusters_kept:,} clusters are what they were; {figures.clusters_new:,} are "
        f"new or renamed; {figures.clusters_gone:,} are gone or had another name.",
        f"- Of {figures.rows:,} rows, {figures.rows_planned_anew:,} were planned anew; in "
        f"{figures.rows_rescored:,} only new clusters were scored.",
        *([f"- No previous row could be kept: {report.why_whole}."] if report.why_whole else []),
        f"- {figures.rows_changed_at_5:,} of the {figures.rows_same_context:,} rows of the same "
        f"context have other clusters among their first {TOP}.",
        f"- These overlap by {figures.jaccard_at_5:.3f} (mean Jaccard index); {minimum:g} "
        f"is asked. {verdict}",
        "",
        "## Clusters",
        "",
        "| id | was | is |",
        "| ---: | --- | --- |",
        *(
            f"| {cluster} | {_name(before, cluster)} | {_name(after, cluster)} |"
            for cluster in sorted({*changes.new, *changes.gone})
        ),
        "",
        f"## Rows with the cluster among the first {TOP}",
        "",
        "| cluster | before | after |",
        "| --- | ---: | ---: |",
        *(f"| {after[m.cluster]} | {m.before:,} | {m.after:,} |" for m in report.movers),
    ]
    return "\n".join(lines) + "\n"


def flatten_report(report: RefreshReport, minimum: float) -> dict[str, float]:
    """Return the figures of ``metrics/refresh.json``; ``asks_for_fine_tuning`` is 1 for yes."""
    asks = report.figures.jaccard_at_5 < minimum
    return {"is_refresh": 1, "asks_for_fine_tuning": int(asks), **asdict(report.figures)}


def _top_clusters(table: PlanTable, kept: NDArray[np.bool_]) -> NDArray[np.int32]:
    members = table.members()  # [rows, 2]
    same = kept[members].all(axis=1)
    order = np.lexsort((members[same][:, 1], members[same][:, 0]))
    top: NDArray[np.int32] = table.clusters[same][order][:, :TOP]
    return top


def _find_movers(
    first: NDArray[np.int32], second: NDArray[np.int32], changes: ClusterChanges
) -> tuple[Mover, ...]:
    n_ids = max(changes.n_before, changes.n_after)
    before, after = (
        np.bincount(rows[rows != NO_CLUSTER].ravel(), minlength=n_ids) for rows in (first, second)
    )
    before[list(changes.gone)] = 0  # what stood there was another cluster
    moves = after - before
    by_size = sorted(
        (c for c in range(changes.n_after) if moves[c]), key=lambda c: (-abs(moves[c]), c)
    )
    shown = sorted(by_size[:MOVERS_SHOWN], key=lambda c: (-moves[c], c))
    return tuple(Mover(c, int(before[c]), int(after[c])) for c in shown)


def _name(descriptions: Sequence[str], cluster: int) -> str:
    return descriptions[cluster] if cluster < len(descriptions) else ""
