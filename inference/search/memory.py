"""Memory of a process that plans: what it kept at most, and that it keeps what it freed."""

from __future__ import annotations

import ctypes
import resource
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")
PEAK_LINE = "VmHWM:"
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Names of settings in ``malloc.h``."""
KEPT_BYTES = 2**30
"""More than any tensor of a pass takes."""


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


def keep_freed_memory() -> None:
    """Let this process use freed memory again instead of handing it back to the system.

    Tensors of a few megabytes come and go thousands of times. With glibc's settings each is
    mapped, filled with zeros page by page and unmapped again, which takes up to a third of all
    time. Elsewhere than on Linux this does nothing.
    """
    if sys.platform == "linux":
        setting = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if setting is not None:
            setting(MMAP_THRESHOLD, KEPT_BYTES)
            setting(TRIM_THRESHOLD, KEPT_BYTES)
