"""`explorer retire-releases [--dry-run]`: old releases' online rows go."""

from __future__ import annotations

from typing import Annotated

import typer

EXAMPLE = "explorer retire-releases --dry-run"


def command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print only, remove nothing")] = False,
    unregistered: Annotated[
        bool,
        typer.Option("--unregistered", help="rows too of loads that never ended; none may run"),
    ] = False,
    artefacts: Annotated[
        bool, typer.Option("--artefacts", help="take what nothing keeps out of the registry too")
    ] = False,
) -> None:
    """Remove the online rows of old releases, and say which are kept and why.

    What is served, may be rolled back to, or is recent stays: `retention` in params.yaml.
    """
    from pipelines.lifecycle.retire_releases import retire_old

    retire_old(dry_run, unregistered, artefacts)
