"""Runs a command that is no stage: a user error becomes one clear line and status 2."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from expectations.contracts.errors import UserError
from pipelines.io.stage import USER_ERROR_STATUS


def run_command(work: Callable[[], None]) -> None:
    """Run ``work``; a :class:`UserError` goes to stderr as one line, the process ends with 2."""
    try:
        work()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(USER_ERROR_STATUS)


def parse_ids(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Return the arguments of a command that takes ids alone, also such as begin with ``-``."""
    arguments = sys.argv[1:]
    is_question = arguments in (["-h"], ["--help"])
    return parser.parse_args(arguments if is_question else ["--", *_without_dashes(arguments)])


def _without_dashes(arguments: list[str]) -> list[str]:
    return arguments[1:] if arguments[:1] == ["--"] else arguments
