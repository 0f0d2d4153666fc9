"""Runs a command that is no stage: a user error becomes one clear line and status 2."""

from __future__ import annotations

import sys
from collections.abc import Callable

from expectations.contracts.errors import UserError

USER_ERROR_STATUS = 2
"""What click ends with on wrong usage, too; 1 is left to bugs."""


def run_command(work: Callable[[], None]) -> None:
    """Run ``work``; a :class:`UserError` goes to stderr as one line, the process ends with 2."""
    try:
        work()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(USER_ERROR_STATUS)
