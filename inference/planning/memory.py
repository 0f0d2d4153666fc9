"""Peak memory of a process, as its operating system counts it."""

from __future__ import annotations

import resource
from pathlib import Path

STATUS = Path("/proc/self/status")
PEAK_LINE = "VmHWM:"


def peak_memory_mb() -> int:
    """Return the most memory this process has held so far, in MiB.

    Linux tells it exactly. Elsewhere ``getrusage`` does, which on some systems also counts what
    the parent held when it started this process.
    """
    if STATUS.is_file():
        for line in STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith(PEAK_LINE):
                return int(line.split()[1]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
