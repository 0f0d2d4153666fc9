"""Bounds on figures, evaluated by Great Expectations; NaN, absence and empty frames trip them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import great_expectations.expectations as gxe
import pandas as pd

from expectations.gates.engine import Failure, Rule, Validation, validate
from expectations.gates.report import GateReport, Severity, Verdict

ONE_ROW = Rule(
    "rows",
    "the figures are one row",
    "pass the figures of one run",
    gxe.ExpectTableRowCountToEqual(value=1),
)


@dataclass(frozen=True)
class Bound:
    """What one figure must keep.

    ``block`` stops the pipeline; ``promote`` lets the run end but not be promoted; ``warn`` asks
    for something and stops nothing. ``look_at`` tells the reader where to begin when the bound is
    broken.
    """

    metric: str
    minimum: float | None
    maximum: float | None
    severity: Severity
    look_at: str

    def __post_init__(self) -> None:
        if self.minimum is None and self.maximum is None:
            raise ValueError(f"the bound on {self.metric} bounds nothing")
        for limit in (self.minimum, self.maximum):
            if limit is not None and not math.isfinite(limit):
                raise ValueError(f"the bound on {self.metric} is not a number: {limit}")

    @property
    def sentence(self) -> str:
        """The bound in words, for example ``match_rate is at least 0.95``."""
        limits = []
        if self.minimum is not None:
            limits.append(f"at least {self.minimum:g}")
        if self.maximum is not None:
            limits.append(f"at most {self.maximum:g}")
        return f"{self.metric} is {' and '.join(limits)}"


@dataclass(frozen=True)
class Judgement:
    """The verdicts of one guard, and what Great Expectations said, for its page."""

    report: GateReport
    validation: Validation


def judge_figures(
    guard: str, figures: Mapping[str, float | None], bounds: Sequence[Bound]
) -> Judgement:
    """Return the verdict on every bound. ``figures`` maps the name of a figure to its value.

    A figure that is absent, ``None``, NaN or infinite fails every bound on it. Raises
    ``ValueError`` if there are no bounds: a gate without bounds would always be open.
    """
    return judge_frame(guard, _frame_of(figures, bounds), bounds)


def judge_frame(guard: str, frame: pd.DataFrame, bounds: Sequence[Bound]) -> Judgement:
    """Return the verdicts on a frame that should hold one row and one column per figure."""
    if not bounds:
        raise ValueError("a gate without bounds is always open")
    validation = validate(frame, _rules_of(bounds), guard)
    failures = validation.failures
    verdicts = tuple(_judge(guard, frame, bound, failures) for bound in bounds)
    return Judgement(GateReport(verdicts), validation)


def _frame_of(metrics: Mapping[str, float | None], bounds: Sequence[Bound]) -> pd.DataFrame:
    named = [bound.metric for bound in bounds if bound.metric in metrics]
    row = {name: [_finite(metrics[name])] for name in dict.fromkeys(named)}
    return pd.DataFrame(row, dtype="float64", index=[0])


def _rules_of(bounds: Sequence[Bound]) -> list[Rule]:
    rules = [ONE_ROW]
    for metric in dict.fromkeys(bound.metric for bound in bounds):
        expectation = gxe.ExpectColumnValuesToNotBeNull(column=metric)
        rules.append(Rule(metric, _number_sentence(metric), _looks(bounds, metric), expectation))
    rules.extend(_rule_of(bound) for bound in bounds)
    return rules


def _rule_of(bound: Bound) -> Rule:
    # The expectation on the column's minimum fails on NaN and on no rows; the one on its
    # values would pass both.
    expectation = gxe.ExpectColumnMinToBeBetween(
        column=bound.metric,
        min_value=bound.minimum,
        max_value=bound.maximum,
        severity="critical" if bound.severity == "block" else "warning",
    )
    return Rule(bound.metric, bound.sentence, bound.look_at, expectation)


def _number_sentence(metric: str) -> str:
    return f"{metric} is a number"


def _looks(bounds: Iterable[Bound], metric: str) -> str:
    return next(bound.look_at for bound in bounds if bound.metric == metric)


def _judge(guard: str, frame: pd.DataFrame, bound: Bound, failures: Sequence[Failure]) -> Verdict:
    answering = (ONE_ROW.sentence, _number_sentence(bound.metric), bound.sentence)
    mine = [failure for failure in failures if failure.rule.sentence in answering]
    reason = f"{mine[0].rule.sentence}, found {mine[0].found}" if mine else ""
    return Verdict(
        guard=guard,
        metric=bound.metric,
        figure=_figure(frame, bound.metric),
        minimum=bound.minimum,
        maximum=bound.maximum,
        severity=bound.severity,
        look_at=bound.look_at,
        passed=not mine,
        reason=reason,
    )


def _figure(frame: pd.DataFrame, metric: str) -> float | None:
    if metric not in frame.columns or len(frame) != 1:
        return None
    return _finite(float(frame[metric].iloc[0]))


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
