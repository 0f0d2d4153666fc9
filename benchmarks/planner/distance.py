"""The planner and every baseline by how far a planned interest is from what a person knows.

The command line and the runs are those of ``benchmarks.planner.compare``:

    python -m benchmarks.planner.distance --folder var/planner_runs --clusterings 0 1 2 --seeds 0
    \\
        -S dataset.source=files -S dataset.path=../shared/data/amazon-office \\
        -S split.validation_start=2018-07-20 -S split.test_start=2018-10-28 -S split.origins=1

It prints what share of the first five places each distance has, recall by distance where all open
clusters compete and where only one distance may be planned, and what every contender comes to
when places are dealt out by the same mix, at mixes tried and as the mix turns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.markdown import to_markdown
from benchmarks.planner.compare import LOOK, measure_all, parse_arguments
from benchmarks.planner.dealt import (
    AS_LIKED,
    BY_SCORE,
    FIXED_MIXES,
    MINUS,
    PERSONAL,
    TURNS,
    DistanceOutcome,
    measure_distances,
    pool_outcomes,
)
from inference.evaluation.contenders import AS_SERVED
from pipelines.io.artefact_io import write_json
from pipelines.io.command import run_command
from training.clusters.distance import DISTANCES
from training.evaluation.clusters.compare import KS, RECALL_AT_10
from training.evaluation.metrics import Interval

Intervals = Mapping[tuple[str, str, str], Interval]

MIXES = (*FIXED_MIXES, AS_LIKED)
DEALT = (BY_SCORE, *MIXES, *(f"{name}{PERSONAL}" for name in MIXES))
DEALT_FIGURES = (RECALL_AT_10, *(f"{RECALL_AT_10}_{name}" for name in DISTANCES))
ABSENT = "–"


def main() -> None:
    """Make or find all runs, measure them by distance, print the tables, write the figures."""
    arguments = parse_arguments(__doc__)
    outcomes = measure_all(arguments, measure_distances)
    intervals = pool_outcomes(outcomes)
    users = intervals[RECALL_AT_10, BY_SCORE, AS_SERVED].n_users
    print(f"{arguments.split}, {len(outcomes)} runs, {users} users\n")
    tables = (
        show_shares(intervals),
        *(show_recall(intervals, form) for form in ("", "within_")),
        *(show_dealt(intervals, way) for way in DEALT),
        show_curve(intervals),
        show_exposure(outcomes),
        show_mixes(outcomes),
    )
    print("\n\n".join(tables))
    if arguments.split == "test":
        print(f"\n{LOOK}")
    if arguments.out:
        figures: dict[str, float] = {}
        for key, interval in intervals.items():
            figures |= interval.named("|".join(key))
        write_json(figures, arguments.out)


def show_shares(intervals: Intervals) -> str:
    """Return what share of the first five places each distance has."""
    rows = [
        (name, *(_show(intervals, f"share_at_5_{apart}", BY_SCORE, name) for apart in DISTANCES))
        for name in contenders_of(intervals)
    ]
    for name in ("open", "liked"):
        cells = (_show(intervals, f"share_{name}_{apart}", "", "") for apart in DISTANCES)
        rows.append((f"clusters {name}", *cells))
    return to_markdown(("share of the first five, by score", *DISTANCES), rows)


def show_recall(intervals: Intervals, form: str) -> str:
    """Return recall by distance, everything competing or, ``within_``, that distance alone."""
    figures = [f"recall_at_{k}_{form}{apart}" for apart in DISTANCES for k in KS]
    return _table(intervals, "within a distance" if form else "open", figures, BY_SCORE)


def show_dealt(intervals: Intervals, way: str) -> str:
    """Return what every contender comes to when places are given in one way."""
    return _table(intervals, way, ("share_at_5_adjacent", *DEALT_FIGURES), way)


def show_curve(intervals: Intervals) -> str:
    """Return recall@10 of every contender as the mix turns."""
    names = contenders_of(intervals)
    rows = [
        (
            f"{intervals['mean_distance_at_10', way, AS_SERVED].mean:.2f}",
            *(f"{intervals[RECALL_AT_10, way, name].mean:.3f}" for name in names),
        )
        for way in TURNS
    ]
    return to_markdown(("mean distance of the first ten", *names), rows)


def show_exposure(outcomes: Sequence[DistanceOutcome]) -> str:
    """Return coverage@5 and Gini index by distance, means over runs."""
    figures = sorted({figure for outcome in outcomes for figure, _ in outcome.exposure})
    names = dict.fromkeys(name for outcome in outcomes for _, name in outcome.exposure)
    rows = []
    for name in names:
        found = [
            [o.exposure[figure, name] for o in outcomes if (figure, name) in o.exposure]
            for figure in figures
        ]
        rows.append((name, *(f"{np.mean(each):.3f}" for each in found)))
    return to_markdown(("contender", *figures), rows)


def show_mixes(outcomes: Sequence[DistanceOutcome]) -> str:
    """Return the mix of what was liked in each run's validation window."""
    rows = [
        (outcome.run.name, *(f"{getattr(outcome.mix, name):.3f}" for name in DISTANCES))
        for outcome in outcomes
    ]
    return to_markdown((AS_LIKED, *DISTANCES), rows)


def contenders_of(intervals: Intervals) -> list[str]:
    """Return whoever was ranked, differences left out."""
    return [
        name
        for figure, way, name in intervals
        if figure == RECALL_AT_10 and way == BY_SCORE and MINUS not in name
    ]


def _table(intervals: Intervals, title: str, figures: Sequence[str], way: str) -> str:
    names = contenders_of(intervals)
    differences = [f"{AS_SERVED}{MINUS}{name}" for name in names if name != AS_SERVED]
    rows = [
        (name, *(_show(intervals, figure, way, name) for figure in figures))
        for name in (*names, *differences)
    ]
    return to_markdown((title, *figures), rows)


def _show(intervals: Intervals, figure: str, way: str, name: str) -> str:
    if (figure, way, name) not in intervals:
        return ABSENT
    interval = intervals[figure, way, name]
    form = "+.3f" if MINUS in name else ".3f"
    return f"{interval.mean:{form}} [{interval.low:{form}}, {interval.high:{form}}]"


if __name__ == "__main__":
    run_command(main)
