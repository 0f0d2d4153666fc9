"""Judges the rows of a table, however long: Great Expectations sees one row of exact counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import polars as pl

from expectations.gates.bounds import Judgement
from expectations.gates.engine import validate
from expectations.gates.report import GateReport, Verdict
from expectations.suites.tally import RowCount, Tally


@dataclass(frozen=True)
class JudgedRows:
    """The verdicts on a table, the counts behind them by rule, and samples of bad rows."""

    judgement: Judgement
    counts: Mapping[str, int | None]
    samples: Mapping[str, tuple[str, ...]]

    def found(self, sentence: str) -> str:
        """Return what a rule met, in words."""
        count, samples = self.counts[sentence], self.samples[sentence]
        if count is None:
            return "no such column"
        return f"{count:,} rows: {'; '.join(samples)}" if samples else f"{count:,}"


def judge_rows(guard: str, suite: Sequence[RowCount], pieces: Iterable[pl.DataFrame]) -> JudgedRows:
    """Return the verdict on every rule of ``suite``; all of them block.

    A table without rows has counts of zero, so a suite needs a rule that there are some. Raises
    ``ValueError`` without rules.

    Args:
        guard: name of the guard.
        suite: what must hold.
        pieces: the table, in its order.
    """
    tally = Tally(suite)
    for piece in pieces:
        tally.add(piece)
    frame = pd.DataFrame(tally.counts, index=[0], dtype="float64")
    validation = validate(frame, [counted.rule for counted in suite], guard)
    broken = {failure.rule.sentence for failure in validation.failures}
    samples = {counted.sentence: tuple(tally.samples_of(counted.sentence)) for counted in suite}
    found = JudgedRows(Judgement(GateReport(()), validation), tally.counts, samples)
    verdicts = tuple(_judge(guard, counted, found, broken) for counted in suite)
    return JudgedRows(Judgement(GateReport(verdicts), validation), tally.counts, samples)


def _judge(guard: str, rule: RowCount, found: JudgedRows, broken: set[str]) -> Verdict:
    passed = rule.sentence not in broken
    return Verdict(
        guard=guard,
        metric=rule.sentence,
        figure=found.counts[rule.sentence],
        minimum=rule.least,
        maximum=rule.most,
        severity="block",
        look_at=rule.remedy,
        passed=passed,
        reason="" if passed else f"{rule.sentence}, found {found.found(rule.sentence)}",
    )
