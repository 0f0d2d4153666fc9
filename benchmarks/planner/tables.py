"""The tables that ``benchmarks.planner.compare`` prints, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.planner.contest import Outcome
from inference.evaluation.baseline_choice import PAIR_COUNTS
from inference.evaluation.contenders import AS_SERVED, BEST_BASELINE
from training.evaluation.clusters.compare import METRICS, RECALL_AT_10
from training.evaluation.metrics import Interval

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


def show_runs(outcomes: Sequence[Outcome]) -> str:
    """Return one row per run: its cases, recall@10 there, its table and the plans made from it."""
    contenders = (AS_SERVED, PAIR_COUNTS, BEST_BASELINE)
    figures = (
        "match_rate", "coverage_at_1_table", "coverage_at_5_table", "coverage_at_5_as_served",
        "top1_largest_share_table",
    )  # fmt: skip
    lines = [_header("run", "cases", "users", *contenders, "which that is", *figures)]
    for outcome in outcomes:
        recalls = [outcome.cases[name][RECALL_AT_10].mean() for name in contenders]
        lines.append(
            _row(
                outcome.run.name,
                f"{len(outcome.users)}",
                f"{len(set(outcome.users))}",
                *(f"{recall:.4f}" for recall in recalls),
                outcome.best_baseline,
                *(f"{outcome.breadth[figure]:.4f}" for figure in figures),
            )
        )
    return "\n".join(lines)


def _show(interval: Interval, form: str = ".4f") -> str:
    ends = f"[{interval.low:{form}}, {interval.high:{form}}]"
    return f"{interval.mean:{form}} {ends}"


def _header(first: str, *others: str) -> str:
    return "\n".join([_row(first, *others), _row("---", *("---:" for _ in others))])


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
