"""`dvc` as a process of its own, with its errors, without its progress and advice.

DVC's own `--quiet` hides the errors too, so that a stage it cannot even begin ends in silence.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO, TextIOWrapper

from dvc.cli import main as run_dvc
from dvc.logger import set_loggers_level


class _NoTerminal(TextIOWrapper):
    """The standard error stream, on which DVC draws no bars since it is no terminal to it."""

    def isatty(self) -> bool:
        return False


def main(arguments: Sequence[str]) -> int:
    """Run ``dvc`` with these arguments and return its status; stages write where they wrote."""
    told = _NoTerminal(sys.stderr.buffer, line_buffering=True)
    try:
        with set_loggers_level(logging.ERROR), redirect_stdout(StringIO()), redirect_stderr(told):
            return int(run_dvc(list(arguments)))
    finally:
        told.detach()  # else it would close the stream with itself


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
