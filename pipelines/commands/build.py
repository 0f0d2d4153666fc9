"""`explorer build`: `dvc repro`, with stages side by side while there are processors."""

from __future__ import annotations

from typing import Annotated

import typer

EXAMPLE = "explorer build"


def command(
    at_once: Annotated[
        int | None,
        typer.Option(min=1, help="most stages at one time; processors / runtime.threads if unset"),
    ] = None,
) -> None:
    """Run every stage that is stale: what `dvc repro` makes, in less time.

    Stages that wait for nothing of each other run side by side, as many as there are processors
    for `runtime.threads` each.
    """
    from pipelines.lifecycle.build import build_stale

    build_stale(at_once)
