"""Runs a command that is no stage: a user error becomes one clear line and status 2."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NoReturn

from expectations.contracts.errors import UserError
from pipelines.io.failures import explain

USER_ERROR_STATUS = 2
"""What click ends with on wrong usage, too; 1 is left to bugs."""


def run_command(work: Callable[[], None]) -> None:
    """Run ``work``; a :class:`UserError` goes to stderr as one line, the process ends with 2.

    So does what a full disk or a server that is away lies behind.
    """
    try:
        work()
    except UserError as error:
        fail(error)
    except Exception as error:
        known = explain(error)
        if known is None:
            raise
        fail(known)


def fail(error: UserError) -> NoReturn:
    """End the process with the error as one line."""
    print(f"error: {error}", file=sys.stderr)
    sys.exit(USER_ERROR_STATUS)
