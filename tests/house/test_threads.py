"""Every process waits with a bounded spin, and follows the processors that it really has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.io.processors import (
    SPIN_COUNT,
    THREADS,
    WAITING,
    count_processors,
    quota,
    settle_threads,
)
from tests.house.imports import ROOT

PROBE = """
import importlib, json, os, sys
loaded = []
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name in {"torch", "numba", "sklearn", "numpy", "scipy"}:
            loaded.append([name, os.environ.get("GOMP_SPINCOUNT")])
sys.meta_path.insert(0, Watch())
importlib.import_module(sys.argv[1])
print(json.dumps(loaded))
"""
ENTRIES = (
    "pipelines.stages.planner",
    "pipelines.stages.recommender",
    "pipelines.stages.clusters",
    "pipelines.online.serve",
    "pipelines.commands.app",
    "benchmarks.planning.costs",
)


def watch(entry: str, **environment: str) -> list[list[str | None]]:
    """Which numeric libraries an entry loads, each with the spin that was set by then."""
    bare = {key: value for key, value in os.environ.items() if key not in (*THREADS, *WAITING)}
    command = [sys.executable, "-c", PROBE, entry]
    done = subprocess.run(
        command, cwd=ROOT, env=bare | environment, capture_output=True, text=True, check=True
    )
    found: list[list[str | None]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_spin_is_bounded_before_any_library_of_threads_is_loaded(entry: str) -> None:
    loaded = watch(entry)
    assert loaded or entry == "pipelines.commands.app"
    assert {spin for _, spin in loaded} <= {str(SPIN_COUNT)}


def test_what_a_user_has_set_stays() -> None:
    for name, value in (("OMP_WAIT_POLICY", "ACTIVE"), ("GOMP_SPINCOUNT", "7")):
        environment = {name: value}
        settle_threads(environment, Path("no groups"))
        assert environment == {name: value}


def write(file: Path, text: str) -> None:
    """Write a file of the kernel's, with its folder."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text + "\n")


@pytest.mark.parametrize(
    ("most", "period", "expected"),
    [("max", 100_000, None), (100_000, 100_000, 1), (150_000, 100_000, 2), (5_000, 100_000, 1)],
)
def test_a_quota_is_read_in_both_versions(
    tmp_path: Path, most: int | str, period: int, expected: int | None
) -> None:
    write(tmp_path / "second/cpu.max", f"{most} {period}")
    assert quota(tmp_path / "second") == expected
    write(tmp_path / "first/cpu/cpu.cfs_quota_us", "-1" if most == "max" else str(most))
    write(tmp_path / "first/cpu/cpu.cfs_period_us", str(period))
    assert quota(tmp_path / "first") == expected
    assert quota(tmp_path / "none") is None


def test_threads_follow_a_quota_below_the_processors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    write(tmp_path / "cpu.max", "300000 100000")
    assert count_processors(tmp_path) == 3
    environment = {"OMP_NUM_THREADS": "5"}
    settle_threads(environment, tmp_path)
    assert environment.pop("GOMP_SPINCOUNT") == str(SPIN_COUNT)
    assert environment.pop("OMP_NUM_THREADS") == "5"
    assert environment == dict.fromkeys(set(THREADS) - {"OMP_NUM_THREADS"}, "3")
    write(tmp_path / "cpu.max", "900000 100000")
    assert count_processors(tmp_path) == 8
    assert count_processors(tmp_path / "none") == 8
    environment = {}
    settle_threads(environment, tmp_path)
    assert set(environment) == {"GOMP_SPINCOUNT"}
