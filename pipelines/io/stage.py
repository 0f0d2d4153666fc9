"""Runs one stage as a command: fixed threads, one clear line on a user error, its cost noted."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable

from pipelines.io import paths
from pipelines.io.artefact_io import write_json
from pipelines.io.command import run_command


def run(name: str, work: Callable[[], None]) -> None:
    """Run ``work`` and note its cost; what the user can mend becomes one line and status 2.

    Wall time and peak memory go to ``var/``, not to an artefact: they differ from run to run.
    """

    def work_and_note() -> None:
        started = time.perf_counter()
        work()
        cost = {
            "wall_seconds": round(time.perf_counter() - started, 2),
            "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }
        write_json(cost, paths.STAGE_COSTS / f"{name}.json")

    run_command(work_and_note)
