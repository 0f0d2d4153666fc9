"""`explorer tracking-ui`: MLflow's pages over this tree's runs and registered models."""

from __future__ import annotations

from typing import Annotated

import typer

EXAMPLE = "explorer tracking-ui --port 5001"


def command(
    port: Annotated[
        int, typer.Option(envvar="TRACKING_PORT", min=1, max=65535, help="TCP port")
    ] = 5000,
) -> None:
    """Show runs and registered models in MLflow's own pages until interrupted.

    Where they lie on a server already, its address is printed.
    """
    from pipelines.lifecycle.tracking_ui import show_tracking

    show_tracking(port)
