"""`explorer assign-items FILE`: clusters of new items, without a rebuild."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "explorer assign-items new_items.csv --output clusters_of_new_items.csv"


def command(
    items: Annotated[Path, typer.Argument(help="CSV or Parquet, columns as in dataset.files")],
    interactions: Annotated[
        Path | None, typer.Option(help="a log that holds all of their users")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="a CSV file; absent: the standard output")
    ] = None,
) -> None:
    """Give the items of a file their clusters in the built tree, as CSV.

    Items of the tree keep the clusters they have in it; the others are placed by their text and,
    where a log is given, by what their users did. One of which nothing can be read is in no
    cluster: its columns are empty.
    """
    from pipelines.clusters.assign_items import assign_new_items
    from pipelines.io.artefact_io import atomic_file

    found = assign_new_items(items, interactions)
    if output is None:
        sys.stdout.write(found.write_csv())
        return
    with atomic_file(output) as partial:
        found.write_csv(partial)
