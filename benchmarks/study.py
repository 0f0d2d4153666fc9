"""The simulated experiment at full length, in every world and by every seed of the section study.

Run from the top of the repository, after `dvc repro`:

    python -m benchmarks.study --folder var/study --workers 2

Each arm's recommender is trained on after every round with the log that the arm has made. A study
that was stopped goes on where it was, with the same result, and no figure depends on how many
workers there are. Logs, figures.json, arms.csv, rounds.csv and pictures lie in the folder; with
--log they become a run of MLflow, too.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from pipelines.experiment.log_study import log_study
from pipelines.experiment.study import run_study
from pipelines.io.command import run_command
from pipelines.params.params import read_params


def main() -> None:
    """Run what is missing of the study and print its main figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path("var/study"), help="kept in here")
    parser.add_argument("--workers", type=int, default=2, help="processes, each on one thread")
    parser.add_argument("--log", action="store_true", help="leave a run in MLflow, too")
    arguments = parser.parse_args()
    params = read_params()
    run_study(params, arguments.folder, max(arguments.workers, 1))
    if arguments.log:
        print(f"logged to MLflow as run {log_study(params, arguments.folder)}")


if __name__ == "__main__":
    run_command(main)
