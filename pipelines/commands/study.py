"""`explorer study`: the simulated experiment at full length, over worlds and seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "explorer study --folder var/study --workers 2"


def command(
    folder: Annotated[Path, typer.Option(help="where logs and figures are kept")] = Path(
        "var/study"
    ),
    workers: Annotated[
        int, typer.Option(min=1, help="processes, each on one thread; no figure depends on it")
    ] = 2,
) -> None:
    """Run the simulated experiment in every world and by every seed of the section study.

    Each arm's recommender is trained on after every round with the log that the arm has made.
    A study that was stopped goes on where it was, with the same result.
    """
    from pipelines.experiment.study import run_study
    from pipelines.params.params import read_params

    run_study(read_params(), folder, workers)
