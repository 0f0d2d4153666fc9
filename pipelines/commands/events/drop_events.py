"""`explorer drop-events ID …`: single events go, no person."""

from __future__ import annotations

from typing import Annotated

import typer

EXAMPLE = "explorer drop-events 7f3a-0001 7f3a-0002"


def command(
    event_ids: Annotated[
        list[str], typer.Argument(help="ids of events, as their sender chose them")
    ],
) -> None:
    """Take single events out of event log and live view, all that are named or none.

    An id may begin with a dash; whatever follows `--` is an id.
    """
    from pipelines.online.drop_events import drop_and_describe

    print("\n".join(drop_and_describe(event_ids)))
