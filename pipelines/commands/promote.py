"""`explorer promote [--rollback]`: moves the champion alias, or says why not."""

from __future__ import annotations

from typing import Annotated

import typer

EXAMPLE = "explorer promote --why 'more novel interests, nothing worse'"


def command(
    rollback: Annotated[
        bool, typer.Option("--rollback", help="return to the champion before")
    ] = False,
    why: Annotated[str, typer.Option(help="reason, kept in the promotion log")] = "",
    who: Annotated[
        str | None, typer.Option(help="who decides this; absent: the account that runs it")
    ] = None,
) -> None:
    """Let the challenger be the champion after every check, or return to the one before.

    It is refused, with every reason, where a gate did not pass, online rows are missing, or it
    is worse than the champion beyond the interval.
    """
    import getpass

    from pipelines.lifecycle.promote import describe_move, open_promoter

    promoter = open_promoter()
    act = promoter.roll_back if rollback else promoter.promote
    print(describe_move(act(who or getpass.getuser(), why)))
