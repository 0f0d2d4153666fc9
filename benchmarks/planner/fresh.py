"""The planner where some interests are fresh: nobody has touched a tenth of the clusters yet.

Several times a tenth of the clusters loses every interaction: in the evidence, in the transitions,
in what the base model reads. The tree, the items and their words stay. The stages learn from what
is left, by the settings as they are; then everybody of the window is planned for, and it is
measured how many of the fresh clusters that people came to like stand in the first ten places.

    python -m benchmarks.planner.fresh --folder var/fresh_runs --draws 3 \\
        -S dataset.source=files -S dataset.path=../shared/data/amazon-office \\
        -S split.validation_start=2018-07-20 -S split.test_start=2018-10-28 -S split.origins=1

``--signal-only`` leaves the planner out (seconds a draw), ``--encoder FOLDER`` puts the cosine of
what a language model makes of the clusters' texts beside their words, and ``--log-share 0.03``
leaves three people of a hundred in the log. ``--histories fresh`` plans for people by the fresh
clusters that they have touched, and by nothing else. Validation is measured unless the test is
asked for.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.markdown import to_markdown
from benchmarks.planner.compare import LOOK
from benchmarks.planner.fresh_contenders import WORDS, encode_clusters, score_fresh
from benchmarks.planner.fresh_figures import (
    FIGURES,
    Histories,
    cover_fresh,
    measure_fresh,
    resample_both,
)
from benchmarks.planner.fresh_runs import FreshRun, draw_fresh, make_fresh_run
from benchmarks.planner.runs import make_tree, read_settings
from pipelines.io.artefact_io import write_json
from pipelines.io.clusters_reader import read_clusters
from pipelines.io.command import run_command
from pipelines.io.planner_windows import Split, compare_words
from pipelines.params.params import read_params
from training.clusters.tree_view import ServingClusters
from training.evaluation.metrics import Interval

COVERAGE = "coverage@10 of fresh clusters"
MINUS = " − "
Columns = Mapping[str, Mapping[str, NDArray[np.float64]]]


@dataclass(frozen=True)
class FreshOutcome:
    """What contenders come to in one run.

    Attributes:
        run: which clusters are fresh in it.
        users: of each case.
        columns: figures of every case by contender and figure, [cases].
        coverage: of the fresh clusters, by contender.
    """

    run: FreshRun
    users: tuple[str, ...]
    columns: Columns
    coverage: Mapping[str, float]


def main() -> None:
    """Make or find all runs, measure them, print the tables, write the figures."""
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    with contextlib.ExitStack() as stack:
        given = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        outcomes = measure_draws(arguments, given.resolve())
    intervals = pool_outcomes(outcomes)
    n_users = len({user for outcome in outcomes for user in outcome.users})
    print(f"{arguments.split}, {len(outcomes)} draws, {n_users} users, all else by the settings\n")
    print(show_figures(intervals, outcomes), end="\n\n")
    print(show_differences(intervals))
    if arguments.split == "test":
        print(f"\n{LOOK}")
    if arguments.out:
        named = {f"{figure}, {who}": each for (who, figure), each in intervals.items()}
        write_json({key: each.named(key) for key, each in named.items()}, arguments.out)


def parse_arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-S", dest="set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--clusterings", type=int, nargs="+", default=[0], metavar="SEED")
    parser.add_argument("--draws", type=int, default=3, help="tenths of the clusters, each in turn")
    parser.add_argument("--log-share", type=float, default=1.0, help="of the people")
    parser.add_argument("--histories", choices=get_args(Histories), default="others")
    parser.add_argument("--signal-only", action="store_true", help="make no planner")
    parser.add_argument("--encoder", type=Path, nargs="+", default=[], metavar="FOLDER")
    parser.add_argument("--split", choices=["validation", "test"], default="validation")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where runs are kept; temporary if absent")
    parser.add_argument("--out", type=Path, help="JSON file for all figures")
    return parser.parse_args()


def measure_draws(arguments: argparse.Namespace, root: Path) -> list[FreshOutcome]:
    """Return what every contender comes to in every draw of every clustering."""
    settings = read_settings(arguments.set, arguments.threads)
    encoders = [folder.resolve() for folder in arguments.encoder]
    outcomes = []
    for seed in arguments.clusterings:
        tree = make_tree(settings, seed, root)
        with contextlib.chdir(tree.folder):
            params = read_params()
            clusters = read_clusters(params.clusters.serving_level)
            words = compare_words(clusters, params.clusters.representation)
            read = {folder.name: encode_clusters(folder, clusters) for folder in encoders}
        for draw, fresh in enumerate(draw_fresh(clusters.n_clusters, arguments.draws)):
            run = make_fresh_run(
                settings, tree, draw, fresh, arguments.log_share, root, not arguments.signal_only
            )
            with contextlib.chdir(run.folder):
                outcome = measure_run(
                    run, clusters, arguments.split, {WORDS: words, **read}, arguments.histories
                )
            outcomes.append(outcome)
            print(f"{run.name}: {len(outcome.users)} cases", file=sys.stderr, flush=True)
    return outcomes


def measure_run(
    run: FreshRun,
    clusters: ServingClusters,
    split: Split,
    similarities: Mapping[str, NDArray[np.float64]],
    kept: Histories = "others",
) -> FreshOutcome:
    """Return what contenders come to in the run of the working folder."""
    asked, scores = score_fresh(run, clusters, split, similarities, kept)
    return FreshOutcome(
        run,
        asked.cases.users,
        {name: measure_fresh(each, asked) for name, each in scores.items()},
        {name: cover_fresh(each, asked) for name, each in scores.items()},
    )


def pool_outcomes(outcomes: Sequence[FreshOutcome]) -> dict[tuple[str, str], Interval]:
    """Return intervals by contender and figure, differences from the words' cosine among them.

    Clusterings are draws of their own: nothing is fresh in two of them together.
    """
    users = [user for outcome in outcomes for user in outcome.users]
    draws = [nth for nth, outcome in enumerate(outcomes) for _ in outcome.users]
    names = list(outcomes[0].columns)
    columns = {
        (name, figure): np.concatenate([outcome.columns[name][figure] for outcome in outcomes])
        for name in names
        for figure in FIGURES
    }
    columns |= {
        (f"{name}{MINUS}{WORDS}", figure): columns[name, figure] - columns[WORDS, figure]
        for name in names
        for figure in FIGURES
        if name != WORDS
    }
    found = resample_both({"|".join(key): column for key, column in columns.items()}, users, draws)
    return {key: found["|".join(key)] for key in columns if "|".join(key) in found}


def show_figures(
    intervals: Mapping[tuple[str, str], Interval], outcomes: Sequence[FreshOutcome]
) -> str:
    """Return a row for each contender."""
    rows = []
    for name in outcomes[0].columns:
        coverage = np.mean([outcome.coverage[name] for outcome in outcomes])
        shown = [_show(intervals.get((name, figure)), ".3f") for figure in FIGURES]
        rows.append((name, *shown, f"{coverage:.2f}"))
    return to_markdown(("contender", *FIGURES, COVERAGE), rows)


def show_differences(intervals: Mapping[tuple[str, str], Interval]) -> str:
    """Return a row for each contender's difference from the words' cosine."""
    names = dict.fromkeys(name for name, _ in intervals if MINUS in name)
    rows = [
        (name, *(_show(intervals.get((name, figure)), "+.3f") for figure in FIGURES))
        for name in names
    ]
    return to_markdown(("difference", *FIGURES), rows)


def _show(interval: Interval | None, form: str) -> str:
    if interval is None:
        return "–"
    return f"{interval.mean:{form}} [{interval.low:{form}}, {interval.high:{form}}]"


if __name__ == "__main__":
    run_command(main)
