"""The gates: each bound trips on the wrong side, and on every way of having no figure."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.contracts.errors import GateError
from expectations.gates.bounds import Bound, judge_figures, judge_frame
from expectations.gates.report import GateReport

MATCH_RATE = Bound("match_rate", 0.95, None, "block", "the planner's training curve")
COVERAGE = Bound("coverage", 0.5, 1.0, "block", "metrics/table.json")
LATENCY = Bound("gini", None, 0.8, "promote", "metrics/table.json")
BOUNDS = (MATCH_RATE, COVERAGE, LATENCY)
GOOD: dict[str, float | None] = {"match_rate": 0.99, "coverage": 0.7, "gini": 0.3}


def test_good_figures_pass_and_say_so_in_json() -> None:
    report = judge_figures("figures", GOOD, BOUNDS).report
    report.raise_if_blocked("more in index.html")
    assert report.passed
    assert report.may_be_promoted
    assert [verdict.figure for verdict in report.verdicts] == [0.99, 0.7, 0.3]
    assert GateReport.from_json(report.to_json()) == report


@pytest.mark.parametrize("edge", [0.5, 1.0])
def test_bounds_are_inclusive(edge: float) -> None:
    assert judge_figures("figures", {"coverage": edge}, [COVERAGE]).report.passed


@pytest.mark.parametrize("figure", [0.949, None, math.nan, math.inf, -math.inf])
def test_a_low_or_missing_figure_blocks_and_names_where_to_look(figure: float | None) -> None:
    report = judge_figures("figures", {**GOOD, "match_rate": figure}, BOUNDS).report
    assert not report.passed
    with pytest.raises(GateError) as caught:
        report.raise_if_blocked("more in index.html")
    line = str(caught.value)
    assert "match_rate" in line
    assert "the planner's training curve" in line
    assert "coverage" not in line
    assert "\n" not in line


def test_an_infinite_figure_breaks_a_bound_that_is_only_a_minimum() -> None:
    assert not judge_figures("figures", {"match_rate": math.inf}, [MATCH_RATE]).report.passed


def test_a_figure_that_is_absent_blocks() -> None:
    report = judge_figures("figures", {"coverage": 0.7, "gini": 0.3}, BOUNDS).report
    assert [verdict.metric for verdict in report.blocked] == ["match_rate"]
    assert "no such column" in report.blocked[0].reason


def test_no_figures_at_all_block_everything() -> None:
    assert len(judge_figures("figures", {}, BOUNDS).report.blocked) == 2


@pytest.mark.parametrize("rows", [0, 2])
def test_a_frame_that_is_not_one_row_blocks_every_bound(rows: int) -> None:
    frame = pd.DataFrame({name: [value] * rows for name, value in GOOD.items()}, dtype="float64")
    report = judge_frame("figures", frame, BOUNDS).report
    assert not any(verdict.passed for verdict in report.verdicts)


def test_a_column_of_objects_blocks() -> None:
    frame = pd.DataFrame({"match_rate": ["nan"]})
    assert not judge_frame("figures", frame, [MATCH_RATE]).report.passed


def test_a_broken_promotion_bound_lets_the_run_end() -> None:
    report = judge_figures("figures", {**GOOD, "gini": 0.9}, BOUNDS).report
    report.raise_if_blocked("more in index.html")
    assert report.passed
    assert not report.may_be_promoted


def test_a_broken_warning_stops_nothing_and_is_told() -> None:
    drift = Bound("gini", None, 0.8, "warn", "the refresh report")
    report = judge_figures("figures", {**GOOD, "gini": 0.9}, [MATCH_RATE, drift]).report
    report.raise_if_blocked("more in index.html")
    assert report.may_be_promoted
    assert [verdict.reason for verdict in report.warnings] == ["gini is at most 0.8, found 0.9"]
    assert not judge_figures("figures", GOOD, [MATCH_RATE, drift]).report.warnings


def test_two_bounds_on_one_figure_answer_for_themselves() -> None:
    strict = Bound("match_rate", 0.999, None, "promote", "the planner")
    report = judge_figures("figures", GOOD, [MATCH_RATE, strict]).report
    assert [verdict.passed for verdict in report.verdicts] == [True, False]


def test_a_gate_without_bounds_is_refused() -> None:
    with pytest.raises(ValueError, match="always open"):
        judge_figures("figures", GOOD, [])


@pytest.mark.parametrize("limits", [(None, None), (math.nan, None), (None, math.inf)])
def test_a_bound_that_bounds_nothing_is_refused(limits: tuple[float | None, float | None]) -> None:
    with pytest.raises(ValueError, match="bound on"):
        Bound("match_rate", *limits, "block", "")


@settings(max_examples=25, deadline=None)
@given(st.floats(), st.floats(-1, 1), st.floats(0, 1))
def test_the_verdict_is_plain_comparison(figure: float, minimum: float, width: float) -> None:
    bound = Bound("figure", minimum, minimum + width, "block", "here")
    expected = math.isfinite(figure) and minimum <= figure <= minimum + width
    assert judge_figures("figures", {"figure": figure}, [bound]).report.passed == expected
