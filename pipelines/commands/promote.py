"""`explorer promote [--rollback]`: moves the champion alias, or says why not."""

from __future__ import annotations

from typing import Annotated

import typer

EXAMPLE = "explorer promote --why 'more novel interests, nothing worse'"


def command(
    rollback: Annotated[
        bool, typer.Option("--rollback", help="return to the champion before")
    ] = False,
    override: Annotated[
        bool,
        typer.Option(
            "--override", help="promote although it compares badly; needs --why, and is recorded"
        ),
    ] = False,
    why: Annotated[str, typer.Option(help="reason, kept in the registry")] = "",
    who: Annotated[
        str | None, typer.Option(help="who decides this; absent: the account that runs it")
    ] = None,
) -> None:
    """Let the challenger be the champion after every check, or return to the one before.

    It is refused, with every reason, where a gate did not pass, online rows are missing, or it
    is worse than the champion beyond interval and margin. The comparison may be overridden, the
    rest not: no service would load such a release.
    """
    import getpass

    from expectations.contracts.errors import UserError
    from pipelines.lifecycle.promote import describe_move, open_promoter

    if override and (rollback or not why.strip()):
        remedy = "say why, or leave --override out" if not rollback else "leave --override out"
        raise UserError("--override", "overrides a promotion's comparison, with a --why", remedy)
    promoter, name = open_promoter(), who or getpass.getuser()
    if rollback:
        print(describe_move(promoter.roll_back(name, why)))
    else:
        print(describe_move(promoter.promote(name, why, override)))
