"""`explorer sequence-benchmark FILE`: the recommender on a file of sequences."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "explorer sequence-benchmark sequences.txt --seeds 0 --seeds 1"


def command(
    file: Annotated[Path, typer.Argument(help="one user a line: user item item …, oldest first")],
    seeds: Annotated[
        list[int] | None,
        typer.Option(help="once for each seed to train by; absent: runtime.seed of params.yaml"),
    ] = None,
    output: Annotated[Path, typer.Option(help="a JSON file with every figure")] = Path(
        "sequence_benchmark.json"
    ),
    validation: Annotated[
        bool, typer.Option("--validation", help="measure on the item before last instead")
    ] = False,
) -> None:
    """Measure the recommender by leave-one-out with full ranking, beside its parts and popularity.

    It trains with the settings of params.yaml on all but the last two items of each user, stops
    by the one before last, and is tested on the last, which the rest of the sequence leads to.
    """
    from pipelines.research.sequence_benchmark import measure_sequences

    measure_sequences(file, seeds, output, validation)
