"""`explorer calibrate-share LOG …`: how much of a list explores, by what people took from lists."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "explorer calibrate-share var/service.log"


def command(
    logs: Annotated[list[Path], typer.Argument(help="logs with serving.log_impressions")],
    hours: Annotated[
        float, typer.Option(min=0, help="for how long after a list its items count as taken")
    ] = 24.0,
    keep: Annotated[bool, typer.Option("--keep", help="only say what the share would be")] = False,
) -> None:
    """Set the exploration share so that explored items earn their places.

    At the right share the last explored item of a list is liked as often as its last ordinary one.
    Services with `serving.blend: calibrated` follow it. Run it daily, over the last days' logs.
    """
    from pipelines.online.calibrate_share import calibrate_and_describe

    for line in calibrate_and_describe(logs, hours, keep):
        print(line)
