"""The planner against every baseline over several clusterings and seeds, users as the unit.

Run from the top of the repository, for example on Office with its own window borders:

    python -m benchmarks.planner.compare --folder var/planner_runs --clusterings 0 1 2 --seeds 0 1
    \\
        -S dataset.source=files -S dataset.path=../shared/data/amazon-office \\
        -S split.validation_start=2018-07-20 -S split.test_start=2018-10-28 -S split.origins=1

or at rolling origins, given as shares of the interactions by time. At each of them everything is
made anew, from what lies before it; its test window ends where the next one begins:

    python -m benchmarks.planner.compare --folder var/planner_runs --origins 0.4 0.5 0.6 0.7 0.8
    0.9 \\
        -S dataset.source=movielens -S dataset.path=../shared/data/ml-latest-small

Every clustering and every planner is made by the pipeline's own stages in a folder of its own;
with `--folder` those of the same settings and the same code are used again. What all runs give a
user is averaged first, then users are resampled. Validation is measured unless the test is asked
for: settings are chosen on validation.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from benchmarks.planner.contest import Field, Found, compete, measure_run
from benchmarks.planner.origins import roll_windows, settings_at
from benchmarks.planner.pooling import compare_outcomes, to_figures
from benchmarks.planner.runs import PlannerRun, Settings, make_data, read_settings
from benchmarks.planner.tables import show_contenders, show_differences, show_runs
from expectations.contracts.tables import INTERACTIONS
from pipelines.io import paths
from pipelines.io.artefact_io import read_table, write_json
from pipelines.io.command import run_command

LOOK = "A look at the test window: log it, with its outcome, in docs/research/experiments.md."


def main() -> None:
    """Make or find all runs, measure them, print the tables and write the figures."""
    arguments = parse_arguments(__doc__)
    outcomes = measure_all(arguments, measure_run)
    intervals = compare_outcomes(outcomes)
    users = next(iter(intervals.values())).n_users
    print(f"{arguments.split}, {len(outcomes)} runs, {users} users, differences by user\n")
    print(show_contenders(intervals, [outcome.breadth for outcome in outcomes]), end="\n\n")
    print(show_differences(intervals), show_runs(outcomes), sep="\n\n")
    if arguments.split == "test":
        print(f"\n{LOOK}")
    if arguments.out:
        write_json(to_figures(outcomes, intervals), arguments.out)


def measure_all(
    arguments: argparse.Namespace, measure: Callable[[PlannerRun, Field], Found]
) -> list[Found]:
    """Return what ``measure`` finds of every run that the command line asks for."""
    torch.set_num_threads(arguments.threads)
    settings = read_settings(arguments.set, arguments.threads)
    with contextlib.ExitStack() as stack:
        given = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder = given.resolve()
        return [
            found
            for rolled in roll(settings, arguments.origins, folder)
            for clustering in arguments.clusterings
            for found in compete(
                rolled, clustering, arguments.seeds, arguments.split, folder, measure
            )
        ]


def parse_arguments(description: str | None) -> argparse.Namespace:
    """Return the command line, which all benchmarks of runs share."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-S", dest="set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--clusterings", type=int, nargs="+", default=[0, 1, 2], metavar="SEED")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1], help="of the planner")
    parser.add_argument(
        "--origins", type=float, nargs="+", metavar="SHARE", help="where test windows begin"
    )
    parser.add_argument("--split", choices=["validation", "test"], default="validation")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where runs are kept; temporary if absent")
    parser.add_argument("--out", type=Path, help="JSON file for all figures")
    return parser.parse_args()


def roll(settings: Settings, shares: Sequence[float] | None, root: Path) -> list[Settings]:
    """Return the settings of every origin; without shares those that were given."""
    if shares is None:
        return [settings]
    data = make_data(settings, root)
    times = read_table(data / paths.INTERACTIONS, INTERACTIONS)["timestamp"].sort().to_list()
    return [settings_at(settings, window) for window in roll_windows(times, shares)]


if __name__ == "__main__":
    run_command(main)
