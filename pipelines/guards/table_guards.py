"""The guards of stage table, apart from it: its worker processes need no Great Expectations."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from expectations.gates.bounds import Bound
from expectations.suites.planned_rows import planned_row_suite
from pipelines.guards.guards import StageGuards
from pipelines.io import paths
from pipelines.params.gates import TableGates

SCORE_MEDIAN = "top1_score_median"
TABLE_FIGURES = "table_figures"


def guard_table(
    table: pl.DataFrame,
    figures: Mapping[str, float | None],
    refresh: Mapping[str, float],
    n_clusters: int,
    config: TableGates,
) -> None:
    """Stop the pipeline over a table with holes, with invalid rows, or that proposes too little.

    A refresh (figures of ``metrics/refresh.json``) that changed too much only warns.

    Raises:
        GateError: naming every rule that does not hold.
    """
    guards = StageGuards(paths.gates_of("table"))
    guards.judge_figures(TABLE_FIGURES, figures, table_bounds(config))
    guards.judge_rows("novel_cluster_table", planned_row_suite(n_clusters), [table])
    if refresh["is_refresh"]:
        guards.judge_figures("refresh", refresh, refresh_bounds(config))
    guards.settle()


def table_bounds(config: TableGates) -> tuple[Bound, ...]:
    """Return the bounds on ``metrics/table.json``."""
    look = "this is a fault of the table stage: report it"
    remedy = "let frequent targets count less (planner.target_balance), or train for longer"
    return (
        Bound("completeness", 1.0, 1.0, "block", look),
        Bound("valid_share", 1.0, 1.0, "block", look),
        Bound(SCORE_MEDIAN, None, 0.0, "block", look),  # of log-probabilities; and NaN stops here
        Bound("coverage_at_5", config.min_coverage_at_5, None, "block", remedy),
    )


def refresh_bounds(config: TableGates) -> tuple[Bound, ...]:
    """Return the bound on ``metrics/refresh.json`` beyond which the planner is out of date."""
    look = f"fine-tune the planner on these clusters; {paths.REFRESH_PAGE} has the changes"
    return (Bound("jaccard_at_5", config.min_refresh_jaccard, None, "warn", look),)
