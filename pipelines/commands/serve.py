"""`explorer serve`: the recommendation service over this tree's stores."""

from __future__ import annotations

from typing import Annotated

import typer

EXAMPLE = "explorer serve --port 8080"


def command(
    host: Annotated[
        str | None, typer.Option(envvar="EXPLORER_HOST", help="address to listen on")
    ] = None,
    port: Annotated[
        int | None, typer.Option(envvar="EXPLORER_PORT", min=1, max=65535, help="TCP port")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(envvar="EXPLORER_WORKERS", min=1, help="processes on the port")
    ] = None,
    api_keys: Annotated[
        str | None,
        typer.Option(envvar="EXPLORER_API_KEYS", help="file of keys that are let in"),
    ] = None,
) -> None:
    """Serve the champion release over HTTP until interrupted, following the alias.

    What is not given here, and all else: `serving` in params.yaml.
    """
    from pipelines.online import serve as work

    work.serve(host=host, port=port, workers=workers, api_keys=api_keys)
