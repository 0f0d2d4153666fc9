"""The gates: each bound trips on the wrong side, and on every way of having no figure."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.contracts.errors import GateError
from expectations.gates.bounds import Bound, check_bounds, check_frame, write_gate_docs
from expectations.gates.report import GateReport

MATCH_RATE = Bound("match_rate", 0.95, None, "block", "the planner's training curve")
COVERAGE = Bound("coverage", 0.5, 1.0, "block", "metrics/table.json")
LATENCY = Bound("gini", None, 0.8, "promote", "metrics/table.json")
BOUNDS = (MATCH_RATE, COVERAGE, LATENCY)
GOOD: dict[str, float | None] = {"match_rate": 0.99, "coverage": 0.7, "gini": 0.3}


def test_good_figures_pass_and_say_so_in_json() -> None:
    report = check_bounds(GOOD, BOUNDS)
    report.raise_if_blocked()
    assert report.passed
    assert report.may_be_promoted
    assert [verdict.figure for verdict in report.verdicts] == [0.99, 0.7, 0.3]
    assert GateReport.from_json(report.to_json()) == report


@pytest.mark.parametrize("edge", [0.5, 1.0])
def test_bounds_are_inclusive(edge: float) -> None:
    assert check_bounds({"coverage": edge}, [COVERAGE]).passed


@pytest.mark.parametrize("figure", [0.949, None, math.nan, math.inf, -math.inf])
def test_a_low_or_missing_figure_blocks_and_names_where_to_look(figure: float | None) -> None:
    report = check_bounds({**GOOD, "match_rate": figure}, BOUNDS)
    assert not report.passed
    with pytest.raises(GateError) as caught:
        report.raise_if_blocked()
    line = str(caught.value)
    assert "match_rate" in line
    assert "the planner's training curve" in line
    assert "coverage" not in line
    assert "\n" not in line


def test_an_infinite_figure_breaks_a_bound_that_is_only_a_minimum() -> None:
    assert not check_bounds({"match_rate": math.inf}, [MATCH_RATE]).passed


def test_a_figure_that_is_absent_blocks() -> None:
    report = check_bounds({"coverage": 0.7, "gini": 0.3}, BOUNDS)
    assert [verdict.metric for verdict in report.blocked] == ["match_rate"]
    assert "no such column" in report.blocked[0].reason


def test_no_figures_at_all_block_everything() -> None:
    assert len(check_bounds({}, BOUNDS).blocked) == 2


@pytest.mark.parametrize("rows", [0, 2])
def test_a_frame_that_is_not_one_row_blocks_every_bound(rows: int) -> None:
    frame = pd.DataFrame({name: [value] * rows for name, value in GOOD.items()}, dtype="float64")
    report = check_frame(frame, BOUNDS)
    assert not any(verdict.passed for verdict in report.verdicts)


def test_a_column_of_objects_blocks() -> None:
    assert not check_frame(pd.DataFrame({"match_rate": ["nan"]}), [MATCH_RATE]).passed


def test_a_broken_promotion_bound_lets_the_run_end() -> None:
    report = check_bounds({**GOOD, "gini": 0.9}, BOUNDS)
    report.raise_if_blocked()
    assert report.passed
    assert not report.may_be_promoted


def test_two_bounds_on_one_figure_answer_for_themselves() -> None:
    strict = Bound("match_rate", 0.999, None, "promote", "the planner")
    report = check_bounds(GOOD, [MATCH_RATE, strict])
    assert [verdict.passed for verdict in report.verdicts] == [True, False]


def test_a_gate_without_bounds_is_refused() -> None:
    with pytest.raises(ValueError, match="always open"):
        check_bounds(GOOD, [])


@pytest.mark.parametrize("limits", [(None, None), (math.nan, None), (None, math.inf)])
def test_a_bound_that_bounds_nothing_is_refused(limits: tuple[float | None, float | None]) -> None:
    with pytest.raises(ValueError, match="bound on"):
        Bound("match_rate", *limits, "block", "")


@settings(max_examples=25, deadline=None)
@given(st.floats(), st.floats(-1, 1), st.floats(0, 1))
def test_the_verdict_is_plain_comparison(figure: float, minimum: float, width: float) -> None:
    bound = Bound("figure", minimum, minimum + width, "block", "here")
    expected = math.isfinite(figure) and minimum <= figure <= minimum + width
    assert check_bounds({"figure": figure}, [bound]).passed == expected


def test_the_page_about_the_gates_reads_offline(tmp_path: Path) -> None:
    page = write_gate_docs({**GOOD, "match_rate": 0.5}, BOUNDS, tmp_path).read_text()
    assert "match_rate" in page
    assert "Failed" in page
    assert "Traceback" not in page
    fetched = re.findall(r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)=[^>]*//[^>]*>", page)
    assert fetched == []
    assert "<script" not in page
    assert "url(" not in page
