"""Lets threads wait without burning the processor, and follow the processors that there really are.

OpenMP reads its environment once, when a library that uses it is loaded, so that this has to run
before torch, scikit-learn or numba is imported: ``pipelines/__init__.py`` does. Processes that are
started from here inherit it. What the user has set is left alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping
from math import ceil
from pathlib import Path

SPIN_COUNT = 1_000
"""Turns that a thread of libgomp waits before it sleeps; by itself it waits 300,000.

Beside another busy process a thread then waits for one that has no processor, and takes the
processor from it. ``docs/research/threads.md`` says more, and how to measure it.
"""
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS")
WAITING = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
CGROUPS = Path("/sys/fs/cgroup")


def settle_threads(environment: MutableMapping[str, str], cgroups: Path = CGROUPS) -> None:
    """Bound the spin of OpenMP's threads, and their number where a quota is below the processors.

    Args:
        environment: that of this process.
        cgroups: where the kernel shows control groups.
    """
    if not any(name in environment for name in WAITING):
        environment["GOMP_SPINCOUNT"] = str(SPIN_COUNT)
    allowed = quota(cgroups)
    if allowed is not None and allowed < len(os.sched_getaffinity(0)):
        for name in THREADS:
            environment.setdefault(name, str(allowed))


def count_processors(cgroups: Path = CGROUPS) -> int:
    """Return how many processors this process may keep busy, by its affinity and its quota."""
    return min(len(os.sched_getaffinity(0)), quota(cgroups) or sys.maxsize)


def quota(cgroups: Path) -> int | None:
    """Return how many processors the container's quota amounts to, ``None`` without a quota.

    Of nested groups the tightest counts; both versions of control groups are read.
    """
    found = [*_quotas_of_version_2(cgroups), *_quotas_of_version_1(cgroups)]
    return max(1, ceil(min(found))) if found else None


def _quotas_of_version_2(cgroups: Path) -> list[float]:
    files = [folder / "cpu.max" for folder in _own_groups(cgroups, "")]
    pairs = [text.split() for text in map(_read, files) if text]
    return [int(most) / int(period) for most, period in pairs if most != "max"]


def _quotas_of_version_1(cgroups: Path) -> list[float]:
    found = []
    for folder in _own_groups(cgroups / "cpu", "cpu"):
        most, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
        if most and period and int(most) > 0:
            found.append(int(most) / int(period))
    return found


def _own_groups(root: Path, controller: str) -> list[Path]:
    """Return the folders from this process's group up to the root; inside a container, the root."""
    for line in (_read(Path("/proc/self/cgroup")) or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            folder = root / path.lstrip("/")
            inner = [folder, *folder.parents]
            return [group for group in inner if group == root or root in group.parents]
    return [root]


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="ascii").strip()
    except OSError:
        return None
