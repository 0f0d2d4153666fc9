"""`explorer make-key`: a new API key, and the lines of it that the service reads."""

from __future__ import annotations

from typing import Annotated

import typer

EXAMPLE = "explorer make-key shop --scope read --scope write"


def command(
    name: Annotated[str, typer.Argument(help="who will hold it; stands in the log")],
    scope: Annotated[list[str] | None, typer.Option(help="read, write, metrics or admin")] = None,
    per_second: Annotated[
        float | None, typer.Option(min=0.001, help="requests it may make in the long run")
    ] = None,
) -> None:
    """Make an API key and print it once, with what goes into the file of `serving.api_keys`.

    Only its hash is kept: whoever reads the file cannot use it.
    """
    from pipelines.online.make_key import describe_new_key

    for line in describe_new_key(name, scope or ["read"], per_second):
        print(line)
