"""The tables that ``benchmarks.planner`` prints, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from training.evaluation.compare import METRICS
from training.metrics import Interval

BREADTH = ("coverage_at_1", "coverage_at_5", "gini", "entropy_bits", "least_tenth_share")
MINUS = "_minus_"


def show_contenders(
    intervals: Mapping[str, Interval], breadths: Sequence[Mapping[str, float]]
) -> str:
    """Return one row per contender: accuracy with intervals, breadth as the mean over runs."""
    lead = METRICS[0]
    names = [key.removeprefix(f"{lead}_") for key in intervals if key.startswith(f"{lead}_")]
    lines = [_header("contender", *METRICS, *BREADTH)]
    for name in names:
        if MINUS in name:
            continue
        accuracy = [_show(intervals[f"{metric}_{name}"]) for metric in METRICS]
        breadth = [np.mean([run[f"{figure}_{name}"] for run in breadths]) for figure in BREADTH]
        lines.append(_row(name, *accuracy, *(f"{mean:.3f}" for mean in breadth)))
    return "\n".join(lines)


def show_differences(intervals: Mapping[str, Interval]) -> str:
    """Return one row per difference of two contenders."""
    lead = METRICS[0]
    names = [key.removeprefix(f"{lead}_") for key in intervals if key.startswith(f"{lead}_")]
    lines = [_header("difference", *METRICS)]
    for name in names:
        if MINUS in name:
            shown = [_show(intervals[f"{metric}_{name}"], "+.4f") for metric in METRICS]
            lines.append(_row(name.replace(MINUS, " − "), *shown))
    return "\n".join(lines)


def show_runs(breadths: Mapping[str, Mapping[str, float]]) -> str:
    """Return one row per run: what its table is like, and the plans made from it."""
    figures = (
        "match_rate", "coverage_at_1_table", "coverage_at_5_table", "coverage_at_5_as_served",
        "top1_largest_share_table",
    )  # fmt: skip
    lines = [_header("run", *figures)]
    lines += [
        _row(name, *(f"{breadth[figure]:.4f}" for figure in figures))
        for name, breadth in breadths.items()
    ]
    return "\n".join(lines)


def _show(interval: Interval, form: str = ".4f") -> str:
    ends = f"[{interval.low:{form}}, {interval.high:{form}}]"
    return f"{interval.mean:{form}} {ends}"


def _header(first: str, *others: str) -> str:
    return "\n".join([_row(first, *others), _row("---", *("---:" for _ in others))])


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
