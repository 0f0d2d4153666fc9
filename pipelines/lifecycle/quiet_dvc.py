"""`dvc` as a process of its own, with its errors, without its progress and advice.

DVC's own `--quiet` hides the errors too, so that a stage it cannot even begin ends in silence.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO

from dvc.cli import main as run_dvc
from dvc.logger import set_loggers_level


def main(arguments: Sequence[str]) -> int:
    """Run ``dvc`` with these arguments and return its status; stages write where they wrote."""
    with set_loggers_level(logging.ERROR), redirect_stdout(StringIO()):
        return int(run_dvc(list(arguments)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
