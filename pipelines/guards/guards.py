"""The guards of one stage: judge, leave the report for the release and pages to read, then stop.

Importing this module imports Great Expectations, which takes seconds: only gated stages do.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import polars as pl

from expectations.gates.bounds import Bound, Judgement, judge_figures
from expectations.gates.data_docs import INDEX, write_page
from expectations.gates.project import note_validation
from expectations.gates.report import GateReport
from expectations.suites.row_guard import judge_rows
from expectations.suites.tally import RowCount
from pipelines.io import paths
from pipelines.io.artefact_io import write_json


class StageGuards:
    """Collects the verdicts of a stage, so that a user learns of all that is wrong at once.

    Args:
        report: where :meth:`settle` writes the verdicts.
    """

    def __init__(self, report: Path) -> None:
        self._file = report
        self._reports: list[GateReport] = []

    def judge_figures(
        self, guard: str, figures: Mapping[str, float | None], bounds: Sequence[Bound]
    ) -> None:
        """Hold figures against bounds."""
        self.note(judge_figures(guard, figures, bounds))

    def judge_rows(
        self, guard: str, suite: Sequence[RowCount], pieces: Iterable[pl.DataFrame]
    ) -> None:
        """Hold every row of a table against a suite."""
        self.note(judge_rows(guard, suite, pieces).judgement)

    def note(self, judgement: Judgement) -> None:
        """Keep the verdicts of a guard and write its page."""
        write_page(judgement.validation, paths.DATA_DOCS)
        note_validation(judgement.validation, paths.GUARD_NOTES)
        self._reports.append(judgement.report)

    def settle(self) -> None:
        """Write the report, tell the warnings, and stop the stage if a blocking guard is broken.

        Raises:
            GateError: it names every broken rule, the figure it met, and where to look.
        """
        report = GateReport.merge(self._reports)
        write_json(report.to_json(), self._file)
        for verdict in report.warnings:
            print(f"warning: {verdict.reason}: {verdict.look_at}", file=sys.stderr)
        report.raise_if_blocked(f"more in {paths.DATA_DOCS / INDEX}")
