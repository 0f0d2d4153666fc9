"""`explorer collect-garbage [--yes]`: artefacts that nothing needs leave DVC's cache and remote."""

from __future__ import annotations

from typing import Annotated

import typer

EXAMPLE = "explorer collect-garbage --cloud"


def command(
    yes: Annotated[bool, typer.Option("--yes", help="remove; without it, only count")] = False,
    cloud: Annotated[
        bool, typer.Option("--cloud", help="from the default remote too; it is for good")
    ] = False,
) -> None:
    """Remove from DVC's cache what no registered release, branch, tag or this tree needs.

    Whatever is registered can be restored and rolled back to afterwards, which `dvc gc` does not
    promise. Let nobody publish meanwhile: until it is registered a release is garbage.
    """
    from pipelines.lifecycle.collect_garbage import collect_garbage

    for line in collect_garbage(yes, cloud):
        print(line)
