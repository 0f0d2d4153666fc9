"""Runs one stage as a command: one line on a user error, else one on what it made and took."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pipelines.io import paths
from pipelines.io.artefact_io import write_json
from pipelines.io.command import run_command
from pipelines.io.stage_words import describe_stage

PROCESS = Path("/proc/self/stat")
STARTED_AT = 19
"""Place of the start, in ticks since the machine's own, behind the command's name; proc(5)."""


def run(name: str, work: Callable[[], None]) -> None:
    """Run ``work`` and note its cost; what the user can mend becomes one line and status 2.

    What the whole process took goes to ``var/``, not to an artefact: it differs from run to run.
    """

    def work_and_note() -> None:
        work()
        cost = measure_process()
        write_json(cost, paths.STAGE_COSTS / f"{name}.json")
        wall, processor = cost["wall_seconds"], cost["processor_seconds"]
        took = f"{wall:,.1f} s, {processor:,.1f} s of processor time"
        print(f"{name}: {describe_stage(name)} ({took})", file=sys.stderr)

    run_command(work_and_note)


def measure_process() -> dict[str, float]:
    """Return what this process took since its start, the libraries' loading and workers included.

    ``wall_seconds``; ``processor_seconds`` of it and of the workers that have ended;
    ``peak_memory_mb`` of it alone.
    """
    own, workers = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    processor = own.ru_utime + own.ru_stime + workers.ru_utime + workers.ru_stime
    ticks = int(PROCESS.read_text(encoding="utf-8").rpartition(")")[2].split()[STARTED_AT])
    started = ticks / os.sysconf("SC_CLK_TCK")
    return {
        "wall_seconds": round(time.clock_gettime(time.CLOCK_BOOTTIME) - started, 2),
        "processor_seconds": round(processor, 2),
        "peak_memory_mb": own.ru_maxrss // 1024,
    }
