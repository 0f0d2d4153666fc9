"""Runs one stage as a command: fixed threads, one clear line on a user error, its cost noted."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable

from expectations.contracts.errors import UserError
from pipelines.io import paths
from pipelines.io.artefact_io import write_json
from pipelines.io.command import USER_ERROR_STATUS


def run(name: str, work: Callable[[], None]) -> None:
    """Run ``work`` and exit; a :class:`UserError` becomes one line on stderr and status 2.

    Wall time and peak memory go to ``var/``, not to an artefact: they differ from run to run.
    """
    started = time.perf_counter()
    try:
        work()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(USER_ERROR_STATUS)
    cost = {
        "wall_seconds": round(time.perf_counter() - started, 2),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    write_json(cost, paths.STAGE_COSTS / f"{name}.json")
