"""`explorer keep-tree FOLDER`: copies a release's tree there, to go on from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "explorer keep-tree previous/tree"


def command(
    folder: Annotated[Path, typer.Argument(help="a new folder, to be kept under version control")],
    release: Annotated[
        str, typer.Option(help="champion, challenger or the beginning of an id")
    ] = "champion",
) -> None:
    """Copy a release's cluster tree and print the setting clusters.previous that goes on from it.

    A build with that setting lets an interest keep its id and description.
    """
    from pipelines.lifecycle.keep_tree import keep_tree_of

    print(f"clusters:\n  previous: {{folder: {folder}, sha256: {keep_tree_of(release, folder)}}}")
