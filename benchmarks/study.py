"""The simulated experiment at full length, in every world and by every seed of the section study.

Run from the top of the repository, after `dvc repro`:

    python -m benchmarks.study --folder var/study --workers 2

Each arm's recommender is trained on after every round with the log that the arm has made. A study
that was stopped goes on where it was, with the same result, and no figure depends on how many
workers there are. Logs, figures.json, arms.csv and rounds.csv lie in the folder.
"""

from __future__ import annotations

import argparse
from pathlib import Path

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
    arguments = parser.parse_args()
    run_study(read_params(), arguments.folder, max(arguments.workers, 1))


if __name__ == "__main__":
    run_command(main)
