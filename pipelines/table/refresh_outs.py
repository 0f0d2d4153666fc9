"""Writes what the table stage says of a refresh: figures, and a page to read."""

from __future__ import annotations

from collections.abc import Sequence

from inference.table.partial_run import PreviousTable, RefreshedRows
from inference.table.plan_table import PlanTable
from inference.table.refresh_report import flatten_report, report_refresh, write_refresh
from pipelines.io import paths
from pipelines.io.artefact_io import atomic_file, write_json

NO_REFRESH = "# No refresh\n\n`table.previous` is null: every row was planned.\n"


def write_no_refresh() -> dict[str, float]:
    """Say that there was none; return the figures that say so."""
    return _write_outs({"is_refresh": 0}, NO_REFRESH)


def write_refresh_outs(
    previous: PreviousTable, refreshed: RefreshedRows, texts: Sequence[str], min_jaccard: float
) -> dict[str, float]:
    """Compare both tables; return the figures of ``metrics/refresh.json``."""
    table = PlanTable.from_frame(refreshed.rows, len(texts))
    report = report_refresh(previous.table, table, refreshed)
    page = write_refresh(report, previous.descriptions, texts, refreshed.changes, min_jaccard)
    return _write_outs(flatten_report(report, min_jaccard), page)


def _write_outs(figures: dict[str, float], page: str) -> dict[str, float]:
    write_json(figures, paths.metrics_of("refresh"))
    with atomic_file(paths.REFRESH_PAGE) as partial:
        partial.write_text(page, encoding="utf-8")
    return figures
