"""`explorer forget-user ID`: removes a person from all stores."""

from __future__ import annotations

from typing import Annotated

import typer

EXAMPLE = "explorer forget-user user-17"


def command(
    user_id: Annotated[str, typer.Argument(help="the id that events and interactions carry")],
) -> None:
    """Remove a person from online store, event log and later builds; say where else they remain.

    An id may begin with a dash; whatever follows `--` is an id.
    """
    from pipelines.online import forget_user as work

    print("\n".join(work.forget_and_describe(user_id)))
