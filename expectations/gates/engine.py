"""Runs rules over a frame with Great Expectations, in memory and without telemetry."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from expectations.contracts.errors import SAMPLE_ROWS

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # read once, while GX is imported

import great_expectations as gx
import pandas as pd
from great_expectations.core.expectation_validation_result import (
    ExpectationSuiteValidationResult,
    ExpectationValidationResult,
)
from great_expectations.data_context.types.base import ProgressBarsConfig

RULE_INDEX = "rule"  # key under which an expectation carries its rule's index: GX reorders results


@dataclass(frozen=True)
class Rule:
    """One expectation with the words for a reader: what must hold, and what to do if it does not.

    ``subject`` is the column or figure the rule is about.
    """

    subject: str
    sentence: str
    remedy: str
    expectation: gx.expectations.Expectation


@dataclass(frozen=True)
class Failure:
    """A rule that does not hold, with what was found instead, already short."""

    rule: Rule
    found: str


@dataclass(frozen=True)
class Validation:
    """What Great Expectations said of one frame, under the name of the guard that asked."""

    name: str
    frame: pd.DataFrame = field(repr=False, compare=False)
    rules: tuple[Rule, ...]
    result: ExpectationSuiteValidationResult

    @property
    def failures(self) -> list[Failure]:
        """The rules that do not hold, in their order. An absent column breaks all about it."""
        broken = [
            (int(result.expectation_config.meta[RULE_INDEX]), describe_finding(result))
            for result in self.result.results
            if not result.success
        ]
        return [Failure(self.rules[index], found) for index, found in sorted(broken)]


def validate(frame: pd.DataFrame, rules: Sequence[Rule], name: str) -> Validation:
    """Return what Great Expectations says of ``frame``; raises ``ValueError`` without rules.

    Beware that most column rules hold on no rows: put a rule about the number of rows first.
    """
    if not rules:
        raise ValueError("a suite without rules lets everything pass")
    batch = _memory_batch().get_batch(batch_parameters={"dataframe": frame})
    return Validation(name, frame, tuple(rules), batch.validate(make_suite(name, rules)))


def make_suite(name: str, rules: Sequence[Rule]) -> gx.ExpectationSuite:
    """Return the rules as one suite; each expectation carries the index of its rule."""
    expectations = []
    for index, rule in enumerate(rules):
        expectation = rule.expectation.copy(deep=True)
        expectation.meta = {RULE_INDEX: index}
        expectation.notes = f"{rule.sentence}. If not: {rule.remedy}."
        expectations.append(expectation)
    return gx.ExpectationSuite(name=name, expectations=expectations)


def describe_finding(result: ExpectationValidationResult) -> str:
    """Return what a failing expectation met: an observed value, offending values, or absence."""
    content = result.result or {}
    if not content:
        return "no such column"
    if "observed_value" in content:
        value = content["observed_value"]
        return "nothing" if value is None else f"{value:.6g}"
    samples = list(content.get("partial_unexpected_list", []))[:SAMPLE_ROWS]
    return f"{content.get('unexpected_count', 0)} rows, such as {samples}"


def open_context() -> gx.data_context.AbstractDataContext:
    """Return a fresh context that lives in memory, shows no bars and sends nothing."""
    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(False)
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context


@cache
def _memory_batch() -> gx.core.batch_definition.BatchDefinition:
    source = open_context().data_sources.add_pandas("memory")
    return source.add_dataframe_asset("frame").add_batch_definition_whole_dataframe("whole")
